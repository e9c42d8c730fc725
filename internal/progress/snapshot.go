package progress

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// snapshot is the state of a meter at one moment.
type snapshot struct {
	verb, unit   string
	items, bytes int64
	ofItems      int64 // 0 = unknown
	elapsed      time.Duration
	itemsPerS    float64
	bytesPerS    float64
	left         time.Duration // -1 = unknown
}

func (m *Meter) snapshot() *snapshot {
	p := m.phase.Load()
	now := m.opts.Clock()
	s := &snapshot{
		verb: p.verb, unit: p.unit, ofItems: p.items,
		items: m.items.Load(), bytes: m.bytes.Load(),
		elapsed: now.Sub(p.start), left: -1,
	}
	s.itemsPerS, s.bytesPerS = p.rate.at(now, p.start, s.items-p.fromItems, s.bytes-p.fromByte)
	// Bytes tell more about the time left than files do, where both are known.
	switch {
	case p.bytes > 0 && s.bytesPerS > 0:
		s.left = seconds(float64(p.bytes-s.bytes) / s.bytesPerS)
	case p.items > 0 && s.itemsPerS > 0:
		s.left = seconds(float64(p.items-s.items) / s.itemsPerS)
	}
	return s
}

func seconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), math.MaxInt64/2e9) * float64(time.Second))
}

// rateWindow is the time over which speeds are averaged: long enough to be
// steady, short enough to follow a disk that slows down.
const rateWindow = 15 * time.Second

// rate averages over the last rateWindow.
type rate struct {
	mu    sync.Mutex
	marks []mark // guarded by mu; oldest first
}

type mark struct {
	at           time.Time
	items, bytes int64
}

// at returns items and bytes per second, and remembers the counts given.
func (r *rate) at(now, start time.Time, items, bytes int64) (itemsPerS, bytesPerS float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.marks) == 0 {
		r.marks = append(r.marks, mark{at: start})
	}
	for len(r.marks) > 1 && now.Sub(r.marks[1].at) >= rateWindow {
		r.marks = r.marks[1:]
	}
	old := r.marks[0]
	if last := r.marks[len(r.marks)-1]; now.Sub(last.at) >= rateWindow/16 {
		r.marks = append(r.marks, mark{now, items, bytes})
	}
	s := now.Sub(old.at).Seconds()
	if s <= 0 {
		return 0, 0
	}
	return float64(items-old.items) / s, float64(bytes-old.bytes) / s
}

// sentence is the plain line of a pipe.
func (s *snapshot) sentence() string {
	if s.unit == "" {
		return s.verb + ", " + clock(s.elapsed)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.verb, s.count(" of "))
	if s.ofItems > 0 {
		fmt.Fprintf(&b, " (%s)", s.percent())
	}
	for _, part := range []string{s.speed(), s.throughput(), clock(s.elapsed)} {
		if part != "" {
			b.WriteString(", " + part)
		}
	}
	if s.left >= 0 {
		b.WriteString(", " + clock(s.left) + " left")
	}
	return b.String()
}

func (s *snapshot) count(of string) string {
	if s.ofItems > 0 {
		return Count(s.items) + of + Count(s.ofItems) + " " + s.unit
	}
	return Count(s.items) + " " + s.unit
}

func (s *snapshot) percent() string {
	// Rounded down: 100 % means finished.
	return fmt.Sprintf("%d %%", 100*min(s.items, s.ofItems)/s.ofItems)
}

func (s *snapshot) speed() string {
	if s.itemsPerS > 0 && s.itemsPerS < 10 {
		return fmt.Sprintf("%.1f %s/s", s.itemsPerS, s.unit)
	}
	return fmt.Sprintf("%s %s/s", Count(int64(s.itemsPerS+0.5)), s.unit)
}

func (s *snapshot) throughput() string {
	if s.bytes == 0 {
		return ""
	}
	return Bytes(int64(s.bytesPerS)) + "/s"
}

// clock writes a duration as a stopwatch does: 0:07, 12:30, 3:05:00.
func clock(d time.Duration) string {
	t := int64(d.Round(time.Second) / time.Second)
	h, m, sec := t/3600, t/60%60, t%60
	switch {
	case h >= 24:
		return fmt.Sprintf("%dd %d:%02d:%02d", h/24, h%24, m, sec)
	case h > 0:
		return fmt.Sprintf("%d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%d:%02d", m, sec)
}

// Count writes a number with a comma between thousands.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Bytes writes a size with three digits and a decimal unit: 812 B, 1.25 MB.
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(byteUnits)-1 {
		v /= 1000
		unit++
	}
	digits := 2
	if v >= 99.95 {
		digits = 0
	} else if v >= 9.995 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %s", digits, v, byteUnits[unit])
}

var byteUnits = [...]string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
