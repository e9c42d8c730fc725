package calibrate

import (
	"fmt"

	"stoker/internal/progress"
)

// benchSeconds is how long `stoker bench` runs where nobody says otherwise.
const benchSeconds = 10

// Predict is what the figures say about feeding the data.
type Predict struct {
	// Bench is what `stoker bench` should give, in samples a second: with the part
	// of the data that the page cache holds now, for its ten seconds.
	Bench float64 `json:"bench"`
	// First is the speed of a pass that finds nothing in the page cache, Later that
	// of the passes after it.
	First    float64 `json:"first"`
	Later    float64 `json:"later"`
	Limit    string  `json:"limit"` // of Later: "decode" or "disk"
	Sentence string  `json:"sentence"`
}

// predict combines the figures: samples a second are the least of what the disk
// reads and what the cores decode.
func (c *calibrator) predict() *Predict {
	r, d := c.report, &c.report.Data
	decode, disk := r.Mid("decode.all"), max(r.Mid("disk.cold.deep"), r.Mid("disk.cold.one"))
	if decode == 0 {
		return nil
	}
	if disk == 0 || d.Sequences && d.Fits { // sequences are read in large pieces, and stay in memory
		disk = decode
	}
	p := &Predict{First: min(decode, disk), Later: decode, Limit: "decode"}
	if !d.Fits {
		p.Later = p.First
	}
	if p.Later < decode {
		p.Limit = "disk"
	}
	p.Bench = p.bench(d, decode, disk)
	p.Sentence = p.sentence(d, disk)
	return p
}

// bench plays `stoker bench`: a first pass over what is cached and what is not,
// then more of them while its time lasts.
func (p *Predict) bench(d *Data, decode, disk float64) float64 {
	absent := 1 - max(d.Cached, 0)
	if int64(d.Sampled) >= d.Samples && d.Fits {
		absent = 0 // all of it was just read
	}
	first := decode
	if absent > 0 {
		first = min(decode, disk/absent)
	}
	n := float64(d.Samples)
	if n/first >= benchSeconds {
		return first
	}
	return (n + p.Later*(benchSeconds-n/first)) / benchSeconds
}

func (p *Predict) sentence(d *Data, disk float64) string {
	what := "samples/s"
	if !d.Sequences {
		what = "img/s"
	}
	rate := func(v float64) string { return progress.Count(int64(v+0.5)) + " " + what }
	var s string
	switch d.Kind {
	case "dataset":
		s = fmt.Sprintf("`stoker bench %s` should give %s", d.Path, rate(p.Bench))
	case "folder":
		s = fmt.Sprintf("packed with `stoker pack %s`, `stoker bench` should give %s", d.Path, rate(p.Later))
	default:
		s = fmt.Sprintf("pictures that are made are fed at %s; what your own give is told with: stoker calibrate DATASET", rate(p.Later))
	}
	switch {
	case d.Kind == "made":
		return s + "."
	case p.Limit == "disk":
		return s + fmt.Sprintf(": it does not fit into memory, and the disk reads %s.", rate(disk))
	case p.First < 0.95*p.Later:
		return s + fmt.Sprintf("; a first pass from the disk %s, the later ones from the page cache.", rate(p.First))
	}
	if d.Sequences {
		return s + "."
	}
	return s + "; decoding is the limit, the first pass included."
}
