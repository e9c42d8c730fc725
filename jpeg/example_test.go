package jpeg_test

import (
	"bytes"
	"fmt"
	"image"
	stdjpeg "image/jpeg"
	"log"

	"stoker/jpeg"
)

// photograph stands for the contents of a file.
func photograph() []byte {
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 640, 480)), nil); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// Decode a rectangle of an image into memory of one's own, with an index made
// earlier.
func ExampleDecoder_Decode() {
	src := photograph()
	index, err := jpeg.BuildIndex(src, jpeg.DefaultStep)
	if err != nil {
		log.Fatal(err)
	}

	h, err := jpeg.ParseHeader(src)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.Width, h.Height, h.Orientation)

	var d jpeg.Decoder // one per goroutine, reused for many images
	region := image.Rect(100, 50, 324, 274)
	dst := make([]byte, 3*region.Dx()*region.Dy())
	if err := d.Decode(dst, 3*region.Dx(), src, region, jpeg.Options{Index: index}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dst[:3])
	// Output:
	// 640 480 1
	// [0 0 0]
}
