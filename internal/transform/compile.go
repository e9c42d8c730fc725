package transform

import (
	"encoding/json"
	"fmt"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/pixel"
	"stoker/internal/tensor"
)

// Pipeline is a checked Spec with a fixed output size. It does not change and may
// be shared between goroutines.
type Pipeline struct {
	spec      Spec
	size      Size
	canonical []byte
	writer    *pixel.Writer
}

// Compile checks spec and returns its pipeline. Errors are of kind Invalid and say
// what to change.
func Compile(spec Spec) (*Pipeline, error) {
	p := &Pipeline{spec: spec}
	if err := p.checkOps(); err != nil {
		return nil, err
	}
	if err := p.fixSize(); err != nil {
		return nil, err
	}
	normalize, err := p.checkOutput()
	if err != nil {
		return nil, err
	}
	var mean, std *[3]float64
	if normalize != nil {
		mean, std = &normalize.Mean, &normalize.Std
	}
	p.writer = pixel.NewWriter(spec.Output.DType, spec.Output.Layout, mean, std)
	p.canonical, err = json.Marshal(spec)
	return p, err
}

// checkOps validates the operations and their order: behind normalize only
// random_erasing may stand.
func (p *Pipeline) checkOps() error {
	normalised, steps := false, 1
	for i, op := range p.spec.Ops {
		switch op := op.(type) {
		case *Normalize:
			if normalised {
				return errs.New(errs.Invalid, "op %d: a second normalize", i).WithHint("leave one of them out")
			}
			normalised = true
		case *RandomErasing:
			op.normalised = normalised
		default:
			if normalised {
				return errs.New(errs.Invalid, "op %d: %s stands behind normalize", i, op.Name()).
					WithHint("put normalize after every operation but random_erasing")
			}
		}
		if err := op.check(); err != nil {
			return fmt.Errorf("op %d: %w", i, err)
		}
		steps += op.steps()
	}
	if steps > maxSteps {
		return errs.New(errs.Invalid, "%d operations are too many for one image", len(p.spec.Ops))
	}
	return nil
}

// fixSize finds the output's size.
func (p *Pipeline) fixSize() error {
	var e extent
	for _, op := range p.spec.Ops {
		e = op.extent(e)
	}
	if !e.known() {
		return errs.New(errs.Invalid, "the output's size depends on the image, and a batch needs one size").
			WithHint("add random_resized_crop, center_crop, random_crop, or resize with size [height, width]")
	}
	p.size = Size{e.height, e.width}
	return p.size.check("output")
}

// checkOutput validates dtype and layout and returns the normalize operation, if
// there is one.
func (p *Pipeline) checkOutput() (*Normalize, error) {
	var normalize *Normalize
	for _, op := range p.spec.Ops {
		if n, ok := op.(*Normalize); ok {
			normalize = n
		}
	}
	switch d := p.spec.Output.DType; d {
	case tensor.Uint8:
		if normalize != nil {
			return nil, errs.New(errs.Invalid, "normalize needs a float output, not uint8").
				WithHint("set output dtype to float32, float16 or bfloat16, or leave normalize out")
		}
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
	default:
		return nil, errs.New(errs.Invalid, "output dtype %v is none of uint8, float32, float16, bfloat16", d)
	}
	return normalize, nil
}

// Height returns the output's rows in pixels.
func (p *Pipeline) Height() int { return p.size.Height }

// Width returns the output's columns in pixels.
func (p *Pipeline) Width() int { return p.size.Width }

// Output returns the output's dtype and layout.
func (p *Pipeline) Output() Output { return p.spec.Output }

// RowBytes returns the bytes of one sample in a batch.
func (p *Pipeline) RowBytes() int {
	return 3 * p.size.Height * p.size.Width * p.spec.Output.DType.Size()
}

// Canonical returns the spec as JSON with every default written out: equal for
// pipelines that do the same. The caller must not change it.
func (p *Pipeline) Canonical() []byte { return p.canonical }

// Version names the versions of everything that makes pixels here, such as
// "pixel/1 random_resized_crop/1 normalize/1". Two pipelines with equal Canonical
// and Version give equal bytes from equal decoded images. The decoders have
// versions of their own: codec.Versions.
func (p *Pipeline) Version() string {
	v := []string{pixel.Version}
	for _, op := range p.spec.Ops {
		v = append(v, fmt.Sprintf("%s/%d", op.Name(), op.version()))
	}
	return strings.Join(v, " ")
}
