package transform_test

import (
	"strings"
	"testing"

	"stoker/internal/errs"
	"stoker/internal/transform"
)

// TestMistakesAreNamed: every mistake in a spec gives an error of kind Invalid that
// holds the words that help.
func TestMistakesAreNamed(t *testing.T) {
	const crop = `{"op": "center_crop", "size": 8}`
	cases := []struct{ spec, words string }{
		{`{"ops": [{"op": "random_resize_crop", "size": 8}]}`, `unknown op "random_resize_crop": did you mean "random_resized_crop"?`},
		{`{"ops": [{"op": "center_crop", "sise": 8}]}`, `unknown member "sise": did you mean "size"?`},
		{`{"opps": []}`, `unknown member "opps": did you mean "ops"?`},
		{`{"ops": [` + crop + `], "output": {"dtyp": "uint8"}}`, `did you mean "dtype"?`},
		{`{"ops": [` + crop + `], "output": {"dtype": "int8"}}`, `unknown dtype "int8"`},
		{`{"ops": [` + crop + `], "output": {"dtype": "int64"}}`, `none of uint8, float32`},
		{`{"ops": [{"size": 8}]}`, `must name the operation`},
		{`{"ops": ["center_crop"]}`, `must be an object`},
		{`{"ops": []}`, `depends on the image`},
		{`{"ops": [{"op": "resize", "size": 256}]}`, `depends on the image`},
		{`{"ops": [{"op": "resize"}]}`, `give either size`},
		{`{"ops": [{"op": "resize", "short": 9, "max": 8}]}`, `must be above short`},
		{`{"ops": [{"op": "center_crop", "size": 0}]}`, `sides go from 1`},
		{`{"ops": [{"op": "center_crop", "size": [1, 2, 3]}]}`, `a size is [height, width]`},
		{`{"ops": [{"op": "random_resized_crop", "size": 8, "interpolation": "cubic"}]}`, `unknown interpolation "cubic"`},
		{`{"ops": [{"op": "random_resized_crop", "size": 8, "scale": [1, 0.5]}]}`, `scale is [1, 0.5]`},
		{`{"ops": [` + crop + `, {"op": "horizontal_flip", "p": 1.5}]}`, `p is 1.5`},
		{`{"ops": [` + crop + `, {"op": "color_jitter", "hue": [-1, 1]}]}`, `hue is [-1, 1]`},
		{`{"ops": [` + crop + `, {"op": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]}]}`, `normalize needs a float output`},
		{`{"ops": [` + crop + `, {"op": "normalize", "mean": [0, 0, 0], "std": [1, 0, 1]}], "output": {"dtype": "float32"}}`, `zero cannot be divided by`},
		{`{"ops": [{"op": "normalize", "mean": [0, 0, 0], "std": [1, 1, 1]}, ` + crop + `], "output": {"dtype": "float32"}}`, `center_crop stands behind normalize`},
		{`{"ops": [` + crop + `, {"op": "random_erasing", "value": "random"}]}`, `noise in normalised units`},
		{`{"ops": [` + crop + `, {"op": "random_erasing", "value": 256}]}`, `not in 0 to 255`},
		{`{"ops": [` + crop + `, {"op": "pad", "padding": -1}]}`, `padding of -1`},
		{`{"ops": [{"op": "pad"}]}`, `give either padding or size`},
		{`{"ops": [{"op": "resize", "size": [8, 8], "pillow": 9}]}`, `pillow is 12 or 13`},
		{`[]`, `must be an object`},
		{`{`, `transform`},
	}
	for _, c := range cases {
		spec, err := transform.ParseSpec([]byte(c.spec))
		if err == nil {
			_, err = transform.Compile(spec)
		}
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s\n got %v\nwant %s", c.spec, err, c.words)
		}
	}
}

func TestLetterboxHasAFixedSize(t *testing.T) {
	p := compile(t, `{"ops": [{"op": "resize", "max": 48}, {"op": "pad", "size": 48}]}`)
	if p.Height() != 48 || p.Width() != 48 {
		t.Errorf("size is %d x %d", p.Height(), p.Width())
	}
}

func TestVersionNamesEveryOperation(t *testing.T) {
	p := compile(t, training)
	if want := "pixel/1 random_resized_crop/1 horizontal_flip/1"; p.Version() != want {
		t.Errorf("version is %q, want %q", p.Version(), want)
	}
}
