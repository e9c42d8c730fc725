// Package jpeg decodes JPEG images, or rectangles of them, into RGB pixels that
// equal libjpeg-turbo's bit for bit.
//
// It reads baseline, extended sequential and progressive Huffman-coded images
// of 8 bits with one, three or four components, restart intervals and every
// sampling factor that libjpeg-turbo reads. The pixels are those of its accurate
// integer inverse DCT and "fancy" upsampling, and of Pillow's convert("RGB") for
// CMYK. Arithmetic-coded, lossless, hierarchical and 12-bit images give an
// error of kind Unsupported.
//
// A Decoder writes straight into memory of the caller and takes none of its
// own once its buffers have grown to the size of the images:
//
//	var d jpeg.Decoder
//	h, err := jpeg.ParseHeader(src)
//	...
//	r := image.Rect(16, 16, 240, 240)
//	dst := make([]byte, 3*r.Dx()*r.Dy())
//	err = d.Decode(dst, 3*r.Dx(), src, r, jpeg.Options{})
//
// Huffman-coded data can only be read from its start. An entropy index, from
// BuildIndex, lets Decode begin near the region instead; an Outline tells which
// bytes of the file that takes. Recode goes further: it makes a file of 1.26 times the
// length that decodes several times as fast, and from which Restore makes the
// JPEG image again. Baseline turns progressive images into ones that can be
// indexed. All three lose nothing.
//
// The package starts no goroutines and imports nothing but the standard library
// and golang.org/x/sys/cpu. README.md describes how it works inside.
package jpeg
