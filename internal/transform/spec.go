// Package transform turns decoded images into rows of a batch: crops, resizing,
// flips, colour changes, erasing, normalisation.
//
// A Spec lists operations; Compile checks it and fixes the output's size. Every
// random choice is made by Decide, before a pixel is decoded, from the image's
// size and a key alone; so the decoder is asked only for the pixels that the
// result depends on, and the same key gives the same bytes wherever and whenever
// it is applied. Apply then does the work and draws nothing.
//
// Meaning and statistics follow torchvision.transforms on Pillow images; pixels
// follow Pillow bit for bit.
package transform

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/tensor"
)

// Spec describes a pipeline of operations on one image.
type Spec struct {
	Ops    []Op   // in order
	Output Output // what a row of the batch holds

	// ApplyOrientation turns images upright by their EXIF orientation before the
	// first operation. Off by default, as in torchvision.
	ApplyOrientation bool
}

// Output is the form of a sample in the batch.
type Output struct {
	DType  tensor.DType  `json:"dtype"`  // Uint8, Float32, Float16 or BFloat16
	Layout tensor.Layout `json:"layout"` // per sample (height, width, 3) or (3, height, width)
}

// registry makes each operation with its defaults.
var registry = map[string]func() Op{
	"random_resized_crop": func() Op { return NewRandomResizedCrop(0, 0) },
	"resize":              func() Op { return &Resize{} },
	"center_crop":         func() Op { return &CenterCrop{} },
	"random_crop":         func() Op { return &RandomCrop{} },
	"pad":                 func() Op { return &Pad{} },
	"horizontal_flip":     func() Op { return &HorizontalFlip{P: 0.5} },
	"vertical_flip":       func() Op { return &VerticalFlip{P: 0.5} },
	"color_jitter":        func() Op { return NewColorJitter() },
	"grayscale":           func() Op { return &Grayscale{P: 1} },
	"random_erasing":      func() Op { return NewRandomErasing() },
	"normalize":           func() Op { return &Normalize{} },
}

// ParseSpec reads a Spec from JSON. Unknown operations and members are errors of
// kind Invalid that name the nearest known one.
func ParseSpec(data []byte) (Spec, error) {
	var s Spec
	err := json.Unmarshal(data, &s)
	if err != nil && !errs.Is(err, errs.Invalid) {
		err = errs.New(errs.Invalid, "transform: %w", err)
	}
	return s, err
}

// UnmarshalJSON reads {"ops": [...], "output": {...}, "apply_orientation": bool};
// all members are optional.
func (s *Spec) UnmarshalJSON(data []byte) error {
	var raw struct {
		Ops              []json.RawMessage `json:"ops"`
		Output           json.RawMessage   `json:"output"`
		ApplyOrientation bool              `json:"apply_orientation"`
	}
	if err := strict(data, &raw, "transform"); err != nil {
		return err
	}
	*s = Spec{ApplyOrientation: raw.ApplyOrientation}
	if raw.Output != nil {
		if err := strict(raw.Output, &s.Output, "output"); err != nil {
			return err
		}
	}
	for i, r := range raw.Ops {
		op, err := parseOp(r)
		if err != nil {
			err.Msg = "op " + itoa(i) + ": " + err.Msg
			return err
		}
		s.Ops = append(s.Ops, op)
	}
	return nil
}

// MarshalJSON writes every member of every operation, defaults included, in a
// fixed order.
func (s Spec) MarshalJSON() ([]byte, error) {
	ops := make([]json.RawMessage, len(s.Ops))
	for i, op := range s.Ops {
		body, err := json.Marshal(op)
		if err != nil {
			return nil, err
		}
		head := []byte(`{"op":"` + op.Name() + `"`)
		if len(body) > 2 {
			head = append(head, ',')
		}
		ops[i] = append(head, body[1:]...)
	}
	return json.Marshal(struct {
		Ops              []json.RawMessage `json:"ops"`
		Output           Output            `json:"output"`
		ApplyOrientation bool              `json:"apply_orientation"`
	}{ops, s.Output, s.ApplyOrientation})
}

func parseOp(raw json.RawMessage) (Op, *errs.Error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errs.New(errs.Invalid, "must be an object such as {\"op\": \"horizontal_flip\"}")
	}
	var name string
	if err := json.Unmarshal(members["op"], &name); err != nil || name == "" {
		return nil, errs.New(errs.Invalid, "member \"op\" must name the operation").
			WithHint("operations: %s", strings.Join(known(), ", "))
	}
	make, ok := registry[name]
	if !ok {
		return nil, errs.New(errs.Invalid, "unknown op %q%s", name, suggestion(name, known())).
			WithHint("operations: %s", strings.Join(known(), ", "))
	}
	delete(members, "op")
	body, err := json.Marshal(members)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s: %w", name, err)
	}
	op := make()
	if err := strict(body, op, name); err != nil {
		return nil, err
	}
	return op, nil
}

func known() []string {
	names := make([]string, 0, len(registry))
	for n := range registry {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// strict decodes an object into the struct that v points to and refuses members
// that the struct does not have.
func strict(data []byte, v any, what string) *errs.Error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return errs.New(errs.Invalid, "%s: must be an object: %w", what, err)
	}
	fields := fieldNames(reflect.TypeOf(v).Elem())
	for m := range members {
		if !slices.Contains(fields, m) {
			return errs.New(errs.Invalid, "%s: unknown member %q%s", what, m, suggestion(m, fields)).
				WithHint("members of %s: %s", what, strings.Join(fields, ", "))
		}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errs.New(errs.Invalid, "%s: %w", what, err)
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
