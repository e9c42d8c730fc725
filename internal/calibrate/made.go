package calibrate

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"

	"stoker/internal/codec"
	"stoker/internal/errs"
	"stoker/internal/pack"
	"stoker/internal/rng"
	"stoker/internal/source"
)

// The pictures that are made have the mean size of ImageNet's, 500 x 375 pixels
// and about 110 KB, so that decoding them costs what decoding photographs does.
const (
	madeWidth, madeHeight = 500, 375
	madePictures          = 48
	madeQuality           = 90
	madeNoise             = 56 // brings the files to the size of photographs
)

// makePictures makes and packs pictures in the temporary folder.
func (c *calibrator) makePictures() (dir string, err error) {
	folder := filepath.Join(c.temp, "made")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", errs.New(errs.Exhausted, "cannot make a temporary folder: %w", err)
	}
	pictures := madePictures
	if c.Quick {
		pictures = enough
	}
	for i := range pictures {
		if err := writePicture(filepath.Join(folder, fmt.Sprintf("%02d.jpg", i)), uint64(i)); err != nil {
			return "", err
		}
	}
	dir = filepath.Join(c.temp, "made.stk")
	_, err = pack.Run(context.Background(), pack.Options{Source: source.Options{Root: folder}, Output: dir, EntropyStep: codec.DefaultIndexStep})
	return dir, err
}

// writePicture draws waves under noise, which no decoder finds easy.
func writePicture(path string, number uint64) error {
	r := rng.NewKey(1).Sub(number).Source()
	img := image.NewYCbCr(image.Rect(0, 0, madeWidth, madeHeight), image.YCbCrSubsampleRatio420)
	fx, fy := 2+6*r.Float64(), 2+6*r.Float64()
	for y := range madeHeight {
		for x := range madeWidth {
			wave := math.Sin(fx*float64(x)/madeWidth*math.Pi) * math.Cos(fy*float64(y)/madeHeight*math.Pi)
			img.Y[img.YOffset(x, y)] = uint8(128 + 80*wave + madeNoise*(r.Float64()-0.5))
			if at := img.COffset(x, y); x%2 == 0 && y%2 == 0 {
				img.Cb[at], img.Cr[at] = uint8(128+40*wave), uint8(128-40*wave)
			}
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return errs.New(errs.Exhausted, "cannot write a picture: %w", err)
	}
	defer f.Close() //nolint:errcheck // Flush has told
	w := bufio.NewWriter(f)
	if err := jpeg.Encode(w, img, &jpeg.Options{Quality: madeQuality}); err != nil {
		return errs.New(errs.Internal, "cannot encode a picture: %w", err)
	}
	if err := w.Flush(); err != nil {
		return errs.New(errs.Exhausted, "cannot write a picture: %w", err)
	}
	return nil
}
