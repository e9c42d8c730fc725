package journal

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

type fact struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

func TestAppendedRecordsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	w, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := range 10 {
		if err := w.Append(now, "fact", fact{i, "line\nfeed"}, i == 9); err != nil {
			t.Fatal(err)
		}
	}
	records, damaged, err := Read(path)
	if err != nil || damaged != 0 || len(records) != 10 {
		t.Fatalf("%d records, %d damaged, %v", len(records), damaged, err)
	}
	var f fact
	if err := records[7].Decode(&f); err != nil || f.N != 7 || f.Text != "line\nfeed" {
		t.Fatalf("%+v, %v", f, err)
	}
}

// TestTornTailAtEveryByte cuts the file after every byte, then appends: all
// whole records and the new one must be there.
func TestTornTailAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	w, _ := Open(whole)
	for i := range 3 {
		_ = w.Append(time.Now(), "fact", fact{N: i}, false)
	}
	w.Close()
	raw, _ := os.ReadFile(whole)
	for cut := range len(raw) + 1 {
		path := filepath.Join(dir, strconv.Itoa(cut))
		if err := os.WriteFile(path, raw[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		w, _ := Open(path)
		if err := w.Append(time.Now(), "new", nil, false); err != nil {
			t.Fatal(err)
		}
		w.Close()
		records, _, err := Read(path)
		want := bytes.Count(raw[:cut], []byte{'\n'}) + 1
		if cut < len(raw) && raw[cut] == '\n' {
			want++ // only the line feed was lost: the record is whole
		}
		if err != nil || len(records) != want || records[len(records)-1].Kind != "new" {
			t.Fatalf("cut at %d: %d records, want %d, %v", cut, len(records), want, err)
		}
	}
}

func TestWritersOfTwoProcessesDoNotMix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	var wg sync.WaitGroup
	for range 2 {
		w, _ := Open(path)
		wg.Go(func() {
			defer w.Close()
			for i := range 500 {
				_ = w.Append(time.Now(), "fact", fact{i, "some text that makes the line longer"}, false)
			}
		})
	}
	wg.Wait()
	records, damaged, _ := Read(path)
	if len(records) != 1000 || damaged != 0 {
		t.Fatalf("%d records, %d damaged", len(records), damaged)
	}
}

func TestFullDiskLeavesTheJournalUsable(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	w := &Writer{file: f}
	if err := w.Append(time.Now(), "fact", nil, false); err == nil {
		t.Fatal("a full disk was not reported")
	}
	f.Close()
}

func FuzzDecode(f *testing.F) {
	line, _ := encode(time.Now(), "fact", fact{1, "x"})
	f.Add(line)
	f.Add(append(line[:10:10], line...))
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		records, _, err := Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		again, _, _ := Decode(bytes.NewReader(append(append(raw, '\n'), line...)))
		if len(again) < len(records)+1 {
			t.Fatalf("a record after damage was lost: %d then %d", len(records), len(again))
		}
	})
}
