package pack

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"stoker/internal/codec"
	"stoker/internal/dataset"
	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/internal/progress"
	"stoker/internal/source"
	"stoker/internal/sysinfo"
)

// Options says what to pack, how, and where to.
type Options struct {
	Source source.Options
	Output string // the dataset's folder; its parent exists

	Resize           Resize
	Filter           pixel.Filter // of resizing
	Enlarge          bool         // Resize also makes small pictures larger
	Quality          int          // of re-encoded JPEGs, 1 to 100; 0 = DefaultQuality. Without Resize it re-encodes every picture
	ApplyOrientation bool         // turn pictures upright that EXIF says are not
	Pixels           bool         // keep decoded pixels instead of files, upright: many times the bytes, nothing left to decode
	Decode           bool         // check pictures by decoding them, not by their headers alone

	Recode      bool // keep JPEGs re-coded: the same coefficients, larger, quicker to decode
	Baseline    bool // keep JPEGs of several scans, such as progressive ones, as one scan with the same coefficients
	EntropyStep int  // MCUs between the entries of entropy indexes of JPEGs, dataset.EntropyRows for one a row; 0 = no indexes

	SkipBad   bool // leave out what cannot be packed, and list it; else it is an error
	Overwrite bool // replace a dataset of that name once the new one is complete
	Restart   bool // drop what an interrupted run left instead of continuing it

	MaxPixels   int64 // larger pictures are bad; 0 = codec.DefaultMaxPixels
	Workers     int   // pictures worked on at once; 0 = the cores that may be used, and where pixels need not be decoded at least 16
	MemoryBytes int64 // for files and, again, for pixels in flight; 0 = a quarter of the free memory, 64 MiB to coreMemory for each core

	CreatedBy string          // "stoker 0.1.0", for the manifest
	Progress  *progress.Meter // nil = none
}

// DefaultQuality of re-encoded JPEGs: as in the ImageNet copies that FFCV and
// others train on, 90 costs no measurable accuracy.
const DefaultQuality = 90

// copyWorkers is the least number of files read at once where they are only
// copied: workers then wait for disks and networks most of the time, and do not
// compete for the cores.
const copyWorkers = 16

// coreMemory lets each core decode a photograph of 32 megapixels at a time.
const coreMemory = 384 << 20

// Resize says to which size pictures are brought: by Short, by Max, or by both
// Width and Height.
type Resize struct {
	Short         int // pixels of the shorter side, as torchvision's Resize(int)
	Max           int // pixels of the longer side
	Width, Height int // exactly, whatever that does to the proportions
}

// maxSide is the largest width or height that a JPEG can have.
const maxSide = 65535

// ParseResize reads "short=256", "max=512" or "256x256", width first; "" is no
// resizing.
func ParseResize(s string) (Resize, error) {
	if s == "" {
		return Resize{}, nil
	}
	side := func(number string) int {
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > maxSide {
			return 0
		}
		return n
	}
	var r Resize
	if name, number, ok := strings.Cut(s, "="); ok {
		switch name {
		case "short":
			r.Short = side(number)
		case "max":
			r.Max = side(number)
		}
	} else if width, height, ok := strings.Cut(s, "x"); ok {
		if r.Width, r.Height = side(width), side(height); r.Width*r.Height == 0 {
			r = Resize{}
		}
	}
	if r == (Resize{}) {
		return r, errs.New(errs.Invalid, "cannot resize to %q", s).
			WithHint("write short=256 for the shorter side, max=512 for the longer one, or 256x256 for both, 1 to %d pixels", maxSide)
	}
	return r, nil
}

// String is the inverse of ParseResize.
func (r Resize) String() string {
	switch {
	case r.Short > 0:
		return fmt.Sprintf("short=%d", r.Short)
	case r.Max > 0:
		return fmt.Sprintf("max=%d", r.Max)
	case r.Width > 0:
		return fmt.Sprintf("%dx%d", r.Width, r.Height)
	}
	return ""
}

// target returns the size of a picture after resizing; the other side is rounded
// down, as in torchvision, to at least one pixel. An exact size enlarges too.
func (r Resize) target(width, height int, enlarge bool) (int, int) {
	if r.Width > 0 {
		return r.Width, r.Height
	}
	want, have := r.Short, min(width, height)
	if r.Max > 0 {
		want, have = r.Max, max(width, height)
	}
	if want == 0 || want == have || (want > have && !enlarge) {
		return width, height
	}
	scale := func(side int) int { return max(1, int(int64(side)*int64(want)/int64(have))) }
	return scale(width), scale(height)
}

// recipe is what the manifest keeps of the options: all that the samples' bytes
// depend on. An interrupted run continues only with the same recipe.
type recipe struct {
	Resize           string `json:"resize"`
	Quality          int    `json:"quality"` // 0 = all files were copied
	Filter           string `json:"filter,omitempty"`
	Enlarge          bool   `json:"enlarge,omitempty"`
	ApplyOrientation bool   `json:"apply_orientation,omitempty"`
	Check            string `json:"check"`
	MaxPixels        int64  `json:"max_pixels"`
	Pixels           bool   `json:"pixels,omitempty"`
	Recode           bool   `json:"recode,omitempty"`
	Baseline         bool   `json:"baseline,omitempty"`
	EntropyStep      int    `json:"entropy_step,omitempty"`
	Codecs           string `json:"codecs,omitempty"` // versions of the decoders, where pixels were made
}

func (o *Options) recipe() recipe {
	r := recipe{Resize: o.Resize.String(), Check: "header", MaxPixels: o.MaxPixels, ApplyOrientation: o.ApplyOrientation, EntropyStep: o.EntropyStep,
		Pixels: o.Pixels, Recode: o.Recode, Baseline: o.Baseline}
	if o.Decode {
		r.Check = "decode"
	}
	if r.Resize != "" {
		r.Filter, r.Enlarge = o.Filter.String(), o.Enlarge
	}
	if o.reencodes() {
		r.Quality, r.Codecs = o.Quality, codec.Versions()
	}
	return r
}

// reencodes tells whether any picture may be decoded and encoded again.
func (o *Options) reencodes() bool {
	return o.Resize != Resize{} || o.Quality > 0 || o.ApplyOrientation || o.Pixels
}

// withDefaults validates the options and fills in what is zero.
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Output == "":
		return o, errs.New(errs.Invalid, "no output given").WithHint("name the dataset with -o, such as -o photos.stk")
	case o.Quality < 0 || o.Quality > 100:
		return o, errs.New(errs.Invalid, "quality %d is not from 1 to 100", o.Quality)
	case o.EntropyStep < 0 || o.EntropyStep > dataset.EntropyRows:
		return o, errs.New(errs.Invalid, "an entropy index with an entry every %d MCUs", o.EntropyStep)
	case o.Workers < 0:
		return o, errs.New(errs.Invalid, "%d workers", o.Workers).WithHint("0 takes as many as cores may be used")
	case o.MaxPixels < 0 || o.MaxPixels > math.MaxInt64/decodeBytesPerPixel:
		return o, errs.New(errs.Invalid, "a limit of %d pixels", o.MaxPixels).WithHint("0 is the default, %d", codec.DefaultMaxPixels)
	case o.MemoryBytes < 0:
		return o, errs.New(errs.Invalid, "%d bytes of memory", o.MemoryBytes)
	}
	if o.Pixels && (o.Recode || o.Quality > 0) {
		return o, errs.New(errs.Invalid, "pixels are stored as they are: neither re-coded nor with a JPEG quality").
			WithHint("give one of --pixels, --recode, --quality")
	}
	o.Output = filepath.Clean(o.Output)
	if o.MaxPixels == 0 {
		o.MaxPixels = codec.DefaultMaxPixels
	}
	switch {
	case o.Pixels: // which hold no orientation, and need neither index nor another form
		o.ApplyOrientation, o.EntropyStep, o.Baseline = true, 0, false
	case o.Quality == 0 && o.reencodes():
		o.Quality = DefaultQuality
	}
	machine := sysinfo.Read()
	if o.Workers == 0 {
		o.Workers = machine.Cores
		if !o.Decode && !o.reencodes() {
			o.Workers = max(o.Workers, copyWorkers)
		}
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = max(min(machine.FreeBytes/4, int64(machine.Cores)*coreMemory), 64<<20)
	}
	return o, nil
}
