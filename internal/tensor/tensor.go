// Package tensor names element types and memory layouts of batch fields.
package tensor

import (
	"encoding/json"
	"fmt"
)

// DType is the element type of a field in a batch.
type DType uint8

// The element types. Their names are those of numpy, with bfloat16 added.
const (
	Uint8 DType = iota
	Float32
	Float16
	BFloat16 // handed to numpy as uint16; torch and JAX adapters view it as bfloat16
	Int64
	Int32
	Uint16
	Float64
	Bool
)

var dtypes = [...]struct {
	name string
	size int
}{{"uint8", 1}, {"float32", 4}, {"float16", 2}, {"bfloat16", 2}, {"int64", 8},
	{"int32", 4}, {"uint16", 2}, {"float64", 8}, {"bool", 1}}

func (d DType) String() string { return dtypes[d].name }

// Size returns the bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

// ParseDType is the inverse of String.
func ParseDType(s string) (DType, error) {
	for i, t := range dtypes {
		if t.name == s {
			return DType(i), nil
		}
	}
	return 0, fmt.Errorf("unknown dtype %q", s)
}

// MarshalJSON writes the name.
func (d DType) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a name.
func (d *DType) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseDType(s)
	*d = v
	return err
}

// Layout is the order of an image's axes in a batch.
type Layout uint8

// The layouts: N samples, H rows, W columns, C channels.
const (
	NHWC Layout = iota // channels last, the default
	NCHW               // channels first, as PyTorch's convolutions expect by default
)

func (l Layout) String() string {
	if l == NCHW {
		return "NCHW"
	}
	return "NHWC"
}

// ParseLayout is the inverse of String.
func ParseLayout(s string) (Layout, error) {
	switch s {
	case "NHWC":
		return NHWC, nil
	case "NCHW":
		return NCHW, nil
	}
	return 0, fmt.Errorf("unknown layout %q (NHWC or NCHW)", s)
}

// MarshalJSON writes the name.
func (l Layout) MarshalJSON() ([]byte, error) { return json.Marshal(l.String()) }

// UnmarshalJSON reads a name.
func (l *Layout) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := ParseLayout(s)
	*l = v
	return err
}
