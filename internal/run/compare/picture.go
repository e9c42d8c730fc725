package compare

import (
	"fmt"
	"html"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/inconsolata"
	"golang.org/x/image/math/fixed"

	"stoker/internal/errs"
)

// shape is a filled rectangle, or text if there is any: x is then its left end
// and y its base line.
type shape struct {
	x, y, w, h float64
	fill       string
	text       string
	bold       bool
}

// The picture's measures in pixels. The font of the PNG is 8 wide.
const (
	pictureWidth, margin, barHeight, rowHeight, lineHeight = 920.0, 24.0, 26.0, 40.0, 22.0
	glyphWidth, ink, pale                                  = 8.0, "#222222", "#666666"
)

// Draw draws the bars into a file: SVG, or PNG where the name ends so.
func (r Report) Draw(path string) error {
	shapes, height := r.picture()
	f, err := os.Create(path)
	if err != nil {
		return errs.New(errs.Permission, "draw: %w", err).At(path)
	}
	if strings.EqualFold(filepath.Ext(path), ".png") {
		err = png.Encode(f, rasterize(shapes, height))
	} else {
		_, err = f.WriteString(svg(shapes, height))
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return errs.New(errs.Exhausted, "draw: %w", err).At(path)
	}
	return nil
}

// picture has two panels: whole runs on one scale of time, and each run's time
// divided, since a short run beside a long one shows nothing on its scale.
func (r Report) picture() (shapes []shape, height float64) {
	b := board{labels: 80}
	longest := 0.0
	for _, s := range r.Sides {
		b.labels = max(b.labels, min(float64(len([]rune(s.Label)))*glyphWidth, 220)+16)
		longest = max(longest, s.Total.Value)
	}
	b.y = margin
	for _, u := range r.Speedups {
		for _, line := range wrap(u.Sentence, int((pictureWidth-2*margin)/glyphWidth)) {
			b.text(margin, line, true, ink)
		}
	}
	if r.Job != Same {
		for _, line := range wrap(r.Proof, int((pictureWidth-2*margin)/glyphWidth)) {
			b.text(margin, line, false, pale)
		}
	}
	b.panel("Whole runs on one scale", r.Sides, func(s Side) float64 { return s.Total.Value / longest }, shortTotal)
	b.panel("What the time of each run goes to", r.Sides, func(Side) float64 { return 1 }, func(s Side) string {
		if s.EpochWarm > 0 {
			return "epoch " + Span(s.EpochWarm)
		}
		return "step " + Span(s.Step)
	})
	b.legend(r.Sides)
	return b.shapes, b.y + margin
}

// board collects shapes from top to bottom.
type board struct {
	shapes []shape
	y      float64
	labels float64 // width of the column of names
}

func (b *board) text(x float64, text string, bold bool, fill string) {
	b.y += lineHeight
	b.shapes = append(b.shapes, shape{x: x, y: b.y, text: text, bold: bold, fill: fill})
}

// valueWidth is what stands behind a bar.
const valueWidth = 200.0

func (b *board) panel(title string, sides []Side, length func(Side) float64, value func(Side) string) {
	b.y += lineHeight / 2
	b.text(margin, title, true, ink)
	b.y += 10
	left, room := margin+b.labels, pictureWidth-2*margin-b.labels-valueWidth
	for _, s := range sides {
		base := b.y + barHeight/2 + 5
		b.shapes = append(b.shapes, shape{x: margin, y: base, text: short(s.Label, int(b.labels/glyphWidth)-1), fill: ink})
		x, full := left, room*length(s)
		if full != full || len(s.Phases) == 0 { // nothing is known of the whole run
			full = 0
		}
		for _, ph := range s.Phases {
			w := full * ph.Seconds / s.Total.Value
			b.shapes = append(b.shapes, shape{x: x, y: b.y, w: w, h: barHeight, fill: looks[ph.Name].fill})
			x += w
		}
		b.shapes = append(b.shapes, shape{x: x + 8, y: base, text: value(s), fill: ink})
		b.y += rowHeight
	}
}

func (b *board) legend(sides []Side) {
	used := map[string]bool{}
	for _, s := range sides {
		for _, ph := range s.Phases {
			used[ph.Name] = true
		}
	}
	x := margin
	b.y += 4
	for _, name := range phaseOrder {
		if !used[name] {
			continue
		}
		w := 24 + float64(len(name))*glyphWidth + 18
		if x+w > pictureWidth-margin {
			x = margin
			b.y += lineHeight
		}
		b.shapes = append(b.shapes, shape{x: x, y: b.y, w: 14, h: 14, fill: looks[name].fill},
			shape{x: x + 20, y: b.y + 12, text: name, fill: ink})
		x += w
	}
	b.y += 14
}

func short(s string, n int) string {
	if r := []rune(s); len(r) > n && n > 1 {
		return string(r[:n-1]) + "…"
	}
	return s
}

// wrap breaks text at spaces into lines of at most n characters.
func wrap(text string, n int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > n {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func svg(shapes []shape, height float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="monospace" font-size="13.3">`+"\n"+
		`<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n", pictureWidth, height, pictureWidth, height)
	for _, s := range shapes {
		if s.text == "" {
			fmt.Fprintf(&b, `<rect x="%.2f" y="%.1f" width="%.2f" height="%.1f" fill="%s"/>`+"\n", s.x, s.y, max(s.w, 0.5), s.h, s.fill)
			continue
		}
		weight := ""
		if s.bold {
			weight = ` font-weight="bold"`
		}
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" fill="%s"%s>%s</text>`+"\n", s.x, s.y, s.fill, weight, html.EscapeString(s.text))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func rasterize(shapes []shape, height float64) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, int(pictureWidth), int(height)))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	for _, s := range shapes {
		ink := image.NewUniform(colorOf(s.fill))
		if s.text == "" {
			draw.Draw(img, image.Rect(int(s.x), int(s.y), max(int(s.x+s.w), int(s.x)+1), int(s.y+s.h)), ink, image.Point{}, draw.Src)
			continue
		}
		face := inconsolata.Regular8x16
		if s.bold {
			face = inconsolata.Bold8x16
		}
		d := font.Drawer{Dst: img, Src: ink, Face: face, Dot: fixed.P(int(s.x), int(s.y))}
		d.DrawString(s.text)
	}
	return img
}

func colorOf(hex string) color.Color {
	var r, g, b uint8
	_, _ = fmt.Sscanf(hex, "#%02x%02x%02x", &r, &g, &b) // constants of this package
	return color.RGBA{r, g, b, 255}
}
