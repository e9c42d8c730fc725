package progress

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"stoker/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *fakeClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *fakeClock { return &fakeClock{t: time.Unix(1e9, 0)} }

func TestPipeGetsOneLinePerTick(t *testing.T) {
	read, write := io.Pipe()
	clock, ticks := newClock(), make(chan time.Time)
	m := Start(Options{Out: write, Style: Lines, Clock: clock.now, Ticks: ticks})
	defer m.Stop()
	m.Phase("packing", "files", 3000, 300e6)
	tick := func() string {
		ticks <- time.Time{}
		buf := make([]byte, 1000)
		n, err := read.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	clock.move(2 * time.Second)
	m.Add(1500, 100e6)
	want := "packing: 1,500 of 3,000 files (50 %), 750 files/s, 50.0 MB/s, 0:02, 0:04 left\n"
	if got := tick(); got != want {
		t.Errorf("got  %qwant %q", got, want)
	}
	m.Phase("scanning", "files", 0, 0)
	clock.move(time.Hour + 5*time.Second)
	if got, want := tick(), "scanning: 0 files, 0 files/s, 1:00:05\n"; got != want {
		t.Errorf("unknown total: got %q, want %q", got, want)
	}
	m.Phase("finishing", "", 0, 0)
	clock.move(61 * time.Second)
	if got, want := tick(), "finishing, 1:01\n"; got != want {
		t.Errorf("nothing counted: got %q, want %q", got, want)
	}
	var said sync.WaitGroup
	said.Go(func() { m.Say("%d bad", 3) })
	buf := make([]byte, 100)
	if n, _ := read.Read(buf); string(buf[:n]) != "3 bad\n" {
		t.Errorf("Say printed %q", buf[:n])
	}
	said.Wait()
}

func TestResumedWorkIsNotSpeed(t *testing.T) {
	clock := newClock()
	m := Start(Options{Clock: clock.now})
	defer m.Stop()
	m.Phase("packing", "files", 100, 0)
	m.Resume(90, 0)
	clock.move(time.Second)
	m.Add(5, 0)
	s := m.snapshot()
	if s.itemsPerS != 5 || s.left != time.Second || s.items != 95 {
		t.Errorf("speed %g/s, left %v, items %d; want 5/s, 1s, 95", s.itemsPerS, s.left, s.items)
	}
}

func TestSpeedFollowsTheLastSeconds(t *testing.T) {
	clock := newClock()
	m := Start(Options{Clock: clock.now})
	defer m.Stop()
	m.Phase("packing", "files", 1e6, 0)
	for range 60 { // a minute at 1,000/s, then one at 10/s
		clock.move(time.Second)
		m.Add(1000, 0)
		m.snapshot()
	}
	for range 60 {
		clock.move(time.Second)
		m.Add(10, 0)
		m.snapshot()
	}
	if s := m.snapshot(); s.itemsPerS < 9.9 || s.itemsPerS > 10.1 {
		t.Errorf("speed %g/s, want that of the last seconds, 10/s", s.itemsPerS)
	}
	if n := len(m.phase.Load().rate.marks); n > 20 {
		t.Errorf("%d marks kept: memory grows with time", n)
	}
}

func TestNilAndSilentMetersDoNothing(t *testing.T) {
	var none *Meter
	none.Phase("a", "b", 1, 1)
	none.Resume(1, 1)
	none.Add(1, 1)
	none.Say("x")
	none.Stop()
	var out bytes.Buffer
	m := Start(Options{Out: &out})
	m.Add(1, 1)
	m.Say("x")
	m.Stop()
	m.Stop()
	if out.Len() != 0 {
		t.Errorf("a silent meter printed %q", out.String())
	}
}

func TestLineNeverFillsTheTerminal(t *testing.T) {
	states := []*snapshot{
		{verb: "packing", unit: "files", left: -1},
		{verb: "finishing", left: -1},
		{verb: "packing", unit: "files", items: 123456, ofItems: 1281167, bytes: 9e9,
			elapsed: 100 * time.Minute, itemsPerS: 2345, bytesPerS: 250e6, left: 90 * time.Minute},
	}
	for _, unicode := range []bool{false, true} {
		draw := drawer{filler: style(Options{Unicode: unicode}).Build()}
		for _, s := range states {
			for width := range 200 {
				var b bytes.Buffer
				if err := draw.draw(&b, s, width); err != nil {
					t.Fatal(err)
				}
				if n := utf8.RuneCount(b.Bytes()); n >= max(width, 1) {
					t.Fatalf("%d columns in a terminal of %d: %q", n, width, b.String())
				}
			}
		}
	}
}

func TestLineDropsTheLeastNeededParts(t *testing.T) {
	draw := drawer{filler: style(Options{}).Build()}
	s := &snapshot{verb: "packing", unit: "files", items: 150, ofItems: 300, bytes: 16e6,
		elapsed: 3 * time.Second, itemsPerS: 50, bytesPerS: 5.4e6, left: 4 * time.Second}
	for _, c := range []struct {
		width int
		want  string
	}{
		{120, "packing  [==================>                   ]  50 %  150/300 files  50 files/s  5.40 MB/s  0:03  0:04 left"},
		{80, "packing  [===>   ]  50 %  150/300 files  50 files/s  5.40 MB/s  0:03  0:04 left"},
		{50, "packing  [==>   ]  50 %  150/300 files  0:04 left"},
		{24, "packing  150/300 files"},
		{10, "packing"},
		{5, "pack"},
	} {
		var b bytes.Buffer
		if err := draw.draw(&b, s, c.width); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("at %d columns\ngot  %s\nwant %s", c.width, b.String(), c.want)
		}
	}
}

// TestBarOnATerminal watches a bar through a pseudo-terminal, as a terminal
// would see it.
func TestBarOnATerminal(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	defer master.Close()
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 10, Cols: 60}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"NO_COLOR": "1", "TERM": "xterm", "LANG": "C"}
	o := Detect(slave, false, func(name string) string { return env[name] })
	if o.Style != Bar || o.Color || o.Unicode {
		t.Fatalf("detected %+v for a plain terminal", o)
	}
	m := Start(o)
	m.Phase("packing", "files", 300, 0)
	m.Add(150, 1000)
	seen := readUntil(t, master, "150/300 files")
	m.Say("a line that stays")
	seen += readUntil(t, master, "a line that stays")
	m.Stop()
	slave.Close()
	rest, _ := io.ReadAll(master) // EIO at the end, as Linux says that the other side is closed
	seen += string(rest)
	if strings.Contains(seen, "\x1b[32m") {
		t.Error("colour in spite of NO_COLOR")
	}
	visible := regexp.MustCompile(`\x1b\[[0-9]*[A-Z]`).ReplaceAllString(seen, "")
	for _, line := range strings.Split(visible, "\n") {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\r")); n >= 60 {
			t.Errorf("a line of %d columns on a terminal of 60: %q", n, line)
		}
	}
	if !strings.HasSuffix(seen, "\x1b[J") && !strings.HasSuffix(seen, "\x1b[1A\x1b[J") {
		t.Errorf("the bar stays after Stop; the output ends with %q", seen[max(0, len(seen)-40):])
	}
}

func readUntil(t *testing.T, f *os.File, want string) string {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Logf("no deadline: %v", err)
	}
	var seen strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(seen.String(), want) {
		n, err := f.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("waiting for %q: %v; saw %q", want, err, seen.String())
		}
	}
	return seen.String()
}

func TestDetect(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	env := map[string]string{"COLUMNS": "72", "LC_ALL": "de_DE.UTF-8"}
	o := Detect(write, false, func(name string) string { return env[name] })
	if o.Style != Lines || o.Columns != 72 || !o.Unicode || !o.Color {
		t.Errorf("a pipe: %+v", o)
	}
	env["COLUMNS"] = "many"
	if o := Detect(write, true, func(name string) string { return env[name] }); o.Style != Silent || o.Columns != 0 {
		t.Errorf("quiet: %+v", o)
	}
}

func TestNumbers(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Count(0), "0")
	f(Count(999), "999")
	f(Count(-1234567), "-1,234,567")
	f(Bytes(999), "999 B")
	f(Bytes(1000), "1.00 kB")
	f(Bytes(999_499), "999 kB")
	f(Bytes(999_600), "1.00 MB")
	f(Bytes(33_197_167), "33.2 MB")
	f(Bytes(1<<62), "4.61 EB")
	f(clock(59*time.Second), "0:59")
	f(clock(25*time.Hour), "1d 1:00:00")
}
