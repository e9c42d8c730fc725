package calibrate

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"stoker/internal/progress"
	"stoker/internal/stats"
)

// Legend says what the column of typical values means.
const Legend = `here: the median of the blocks (copying and the cores' own caches: of the fastest third), and half of the range of all;
* others kept the machine busy in most of them. typical: a server or workstation of 2021 to 2025 with cores of 3 GHz, DDR4 or
DDR5 memory and a local NVMe disk; decoding: ImageNet's photographs to a random crop of 224 pixels.`

// Print writes the table for people.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.Host, r.Machine.Text)
	r.facts(&b)
	cells := [][4]string{}
	group := ""
	for _, row := range r.Rows {
		if row.Group != group {
			group = row.Group
			cells = append(cells, [4]string{group})
		}
		note := row.Typical
		if row.Note != "" {
			note = strings.TrimSpace(note + " (" + row.Note + ")")
		}
		spread := percent(row.Value.Spread()) + " "
		if row.Disturbed {
			spread = percent(row.Value.Spread()) + "*"
		}
		cells = append(cells, [4]string{"  " + row.Name, Amount(row.Value.Mid, row.Value.Unit), spread, note})
	}
	columns(&b, append([][4]string{{"", "here", "+- ", "typical"}}, cells...))
	b.WriteString("\n" + Legend + "\n")
	for _, n := range r.Notes {
		b.WriteString("note: " + n + "\n")
	}
	if r.Prediction != nil {
		b.WriteString("\n" + upper(r.Prediction.Sentence) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// facts are the lines above the table.
func (r *Report) facts(b *strings.Builder) {
	m, d := &r.Machine, &r.Data
	cores := fmt.Sprintf("%d usable of %d", m.Cores, m.CPUs)
	if m.Affinity < m.CPUs {
		cores += fmt.Sprintf("; the affinity allows %d", m.Affinity)
	}
	if m.Quota > 0 {
		cores += fmt.Sprintf("; the control group's quota is %s", stats.Number(m.Quota))
	}
	fmt.Fprintf(b, "cores    %s\n", cores)
	fmt.Fprintf(b, "memory   %s, %s free", progress.Bytes(m.MemoryBytes), progress.Bytes(m.FreeBytes))
	if m.ShmBytes >= 0 {
		fmt.Fprintf(b, "; /dev/shm %s", progress.Bytes(m.ShmBytes))
	}
	fmt.Fprintf(b, "\ndata     %s\n", d.text())
	if l := r.Load; l.CPUs > 0 {
		fmt.Fprintf(b, "load     others kept %s of %d processors busy meanwhile, the hypervisor took %s\n", stats.Number(l.Others), l.CPUs, stats.Number(l.Steal))
	}
	fmt.Fprintf(b, "took     %.0f s\n\n", r.Seconds)
}

// text describes the data in one line.
func (d *Data) text() string {
	if d.Kind == "made" {
		return "none given: pictures that were made"
	}
	least := ""
	if d.AtLeast {
		least = "at least "
	}
	s := fmt.Sprintf("%s, %s%s samples, %s%s", d.Path, least, progress.Count(d.Samples), least, progress.Bytes(d.Bytes))
	if d.FileSystem != "" {
		s += ", " + d.FileSystem
	}
	switch {
	case d.Fits:
		s += "; fits into free memory: from the second epoch on it comes from the page cache"
	default:
		s += "; more than free memory holds: every epoch reads from the disk"
	}
	if d.Cached >= 0 {
		s += fmt.Sprintf("; %s of the sample was in the cache", stats.Percent(d.Cached))
	}
	return s
}

// percent writes a spread.
func percent(x float64) string {
	if x <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}

// Amount writes a figure with its unit, three digits.
func Amount(v float64, unit string) string {
	switch unit {
	case "s":
		for _, u := range []struct {
			size float64
			name string
		}{{1e-6, "ns"}, {1e-3, "us"}, {1, "ms"}} {
			if v < u.size*0.9995 {
				return stats.Number(v/u.size*1000) + " " + u.name
			}
		}
		return stats.Number(v) + " s"
	case "B/s":
		return progress.Bytes(int64(v)) + "/s"
	case "FLOP/s":
		if v >= 0.9995e12 {
			return stats.Number(v/1e12) + " TFLOP/s"
		}
		return stats.Number(v/1e9) + " GFLOP/s"
	case "share":
		return stats.Percent(v)
	}
	if v >= 100 {
		return progress.Count(int64(v+0.5)) + " " + unit
	}
	return stats.Number(v) + " " + unit
}

// columns writes cells below each other: the second and the third to the right.
func columns(b *strings.Builder, rows [][4]string) {
	var width [4]int
	for _, r := range rows {
		for i, cell := range r {
			if r[1] != "" || i > 0 {
				width[i] = max(width[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, r := range rows {
		line := fmt.Sprintf("%-*s  %*s  %*s  %s", width[0], r[0], width[1], r[1], width[2], r[2], r[3])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}
