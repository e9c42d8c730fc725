package transform_test

import (
	"testing"

	"stoker/internal/codec"
	"stoker/internal/pillowtest"
	"stoker/internal/pixel"
	"stoker/internal/rng"
	"stoker/internal/transform"
)

// pillowSample is a line of testdata/make_goldens.py.
type pillowSample struct {
	Number        uint32
	Width, Height int
	Orientation   int
	Spec          transform.Spec
	SHA256        string
}

func (p *pillowSample) source() pixel.RGB {
	var buf []byte
	m := pixel.Grow(&buf, p.Width, p.Height)
	for i := range m.Pix {
		v := uint32(i)*2654435761 + p.Number*40503
		v ^= v >> 15
		v *= 2246822519
		v ^= v >> 13
		m.Pix[i] = byte(v >> 24)
	}
	return m
}

func replay(t *testing.T, lines []byte) {
	t.Helper()
	scratch := transform.NewScratch()
	pillowtest.Each(t, lines, func(c *pillowSample) error {
		p, err := transform.Compile(c.Spec)
		if err != nil {
			return err
		}
		d := p.Decide(rng.NewKey(uint64(c.Number)), codec.Info{Width: c.Width, Height: c.Height, Orientation: c.Orientation})
		return pillowtest.Same(apply(t, p, &d, c.source(), scratch), c.SHA256)
	})
}

func TestGoldensOfTorchvision(t *testing.T) { replay(t, pillowtest.Read(t)) }

// TestPillow compares with the Pillow of the interpreter that STOKER_PILLOW_PYTHON
// names, on new random transforms each time.
func TestPillow(t *testing.T) {
	replay(t, pillowtest.Run(t, []string{"testdata/make_goldens.py", "--count", "1000"}, []string{"--count", "20000"}))
}
