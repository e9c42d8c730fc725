package picture_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"stoker/internal/batching"
	"stoker/internal/batching/picture"
)

// The picture is XML, and the dark area is the real tokens' share of the whole.
func TestPictureIsToScale(t *testing.T) {
	step := batching.Step{Ranks: [][]batching.Micro{{{Width: 100, Pieces: []batching.Piece{{Length: 100}, {Length: 25}}}},
		{{Width: 50, Rows: []int32{0, 2}, Pieces: []batching.Piece{{Length: 20}, {Length: 30}}}}}}
	svg := picture.SVG([]picture.Panel{{Title: "a < b", Steps: []batching.Step{step}}})
	widths := map[string]float64{}
	for dec := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			var r struct {
				Fill  string  `xml:"fill,attr"`
				Width float64 `xml:"width,attr"`
			}
			for _, a := range e.Attr {
				if a.Name.Local == "fill" {
					r.Fill = a.Value
				}
			}
			if r.Fill == "#ffffff" {
				continue
			}
			if err := dec.DecodeElement(&r, &e); err != nil {
				t.Fatal(err)
			}
			widths[r.Fill] += r.Width
		}
	}
	dark, all := widths["#1d3557"]+widths["#457b9d"], widths["#f3d9b1"]
	if want := 175. / 250; dark/all < want-1e-3 || dark/all > want+1e-3 {
		t.Errorf("%.4f of the picture is dark, want %.4f", dark/all, want)
	}
}
