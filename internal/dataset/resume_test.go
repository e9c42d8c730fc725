package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"stoker/internal/errs"
	"stoker/internal/filetest"
)

const resumeRows = 30

// budget is the room on a disk that fills up, or the bytes that a process gets
// to write before it is killed.
type budget struct{ left, used int }

func (b *budget) open(path string, size int64) (file, error) {
	f, err := openFile(path, size)
	return &budgetFile{f, b}, err
}

type budgetFile struct {
	file
	budget *budget
}

func (f *budgetFile) Write(p []byte) (int, error) {
	n := min(len(p), f.budget.left)
	f.budget.left -= n
	f.budget.used += n
	if n, err := f.file.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	return n, syscall.ENOSPC
}

func (f *budgetFile) Sync() error {
	if f.budget.left == 0 {
		return syscall.ENOSPC
	}
	return nil // forcing to the disk is slow and changes nothing here
}

// resumeOptions makes several small shards on a disk of the given room.
func resumeOptions(b *budget) WriterOptions {
	o := testOptions()
	o.ShardBytes, o.open = 20<<10, b.open
	return o
}

// appendRest appends what is missing, as packing does: in the order of a source
// in which every fourth file is bad.
func appendRest(w *Writer) (*Manifest, error) {
	rows, bad := w.Done()
	for at := int(rows) + len(bad); at < resumeRows; at++ {
		if at%4 == 3 {
			w.AppendBad(BadRow{Path: testRow(at).Key, Reason: "<broken>"})
			continue
		}
		if err := w.Append(testRow(at)); err != nil {
			return nil, err
		}
	}
	return w.Commit(nil)
}

func writeResume(dir string, b *budget) error {
	w, err := NewWriter(dir, resumeOptions(b))
	if err != nil {
		return err
	}
	defer w.Close() //nolint:errcheck // keeps what was written, as a kill does
	_, err = appendRest(w)
	return err
}

// undisturbed writes the dataset that every interrupted run must end with.
func undisturbed(t testing.TB) (dir string, bytes int) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "whole.stk")
	b := &budget{left: 1 << 30}
	if err := writeResume(dir, b); err != nil {
		t.Fatal(err)
	}
	return dir, b.used
}

func TestRunStoppedAtAnyByteContinuesToTheSameBytes(t *testing.T) {
	want, total := undisturbed(t)
	tmp := filetest.FastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		dir := filepath.Join(tmp, "t.stk")
		defer os.RemoveAll(dir)                 //nolint:errcheck // of a test
		defer os.RemoveAll(dir + partialSuffix) //nolint:errcheck // of a test
		for {
			err := writeResume(dir, &budget{left: rapid.IntRange(total/6, total+1000).Draw(t, "bytes")})
			if err == nil {
				break
			}
			if !errs.Is(err, errs.Exhausted) || !strings.Contains(errs.HintOf(err), "continues") {
				t.Fatalf("got %v (%s), want a full disk", err, errs.HintOf(err))
			}
			if _, err := os.Stat(dir); err == nil {
				t.Fatal("a dataset that is not whole is in its place")
			}
		}
		sameFolder(t, dir, want)
		if _, err := os.Stat(dir + partialSuffix); err == nil {
			t.Fatal("the folder of the unfinished dataset is left")
		}
	})
}

// TestTornFilesContinueToTheSameBytes cuts files of an unfinished dataset off at
// any byte, as a power cut does, and damages some.
func TestTornFilesContinueToTheSameBytes(t *testing.T) {
	want, total := undisturbed(t)
	tmp := filetest.FastDir(t)
	rapid.Check(t, func(t *rapid.T) {
		dir := filepath.Join(tmp, "t.stk")
		partial := dir + partialSuffix
		defer os.RemoveAll(dir)     //nolint:errcheck // of a test
		defer os.RemoveAll(partial) //nolint:errcheck // of a test
		if writeResume(dir, &budget{left: rapid.IntRange(0, total*9/10).Draw(t, "bytes")}) == nil {
			t.Fatal("it should not have sufficed")
		}
		if rapid.Bool().Draw(t, "journal") {
			tear(t, filepath.Join(partial, journalName))
		}
		// Finished shards were forced to the disk; only the last may be torn.
		if shards, _ := filepath.Glob(filepath.Join(partial, dataName, "data-*")); len(shards) > 0 {
			tear(t, shards[len(shards)-1])
		}
		if err := writeResume(dir, &budget{left: 3 * total}); err != nil {
			t.Fatal(err)
		}
		sameFolder(t, dir, want)
	})
}

// tear cuts a file off or overwrites a byte of it.
func tear(t *rapid.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil || len(data) == 0 {
		return
	}
	at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
	if rapid.Bool().Draw(t, "cut") {
		data = data[:at]
	} else {
		data[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOtherOptionsDoNotContinue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	if err := writeResume(dir, &budget{left: 30_000}); err == nil {
		t.Fatal("it should not have sufficed")
	}
	o := resumeOptions(&budget{left: 1 << 30})
	o.Source = "another folder"
	_, err := NewWriter(dir, o)
	if !errs.Is(err, errs.Mismatch) || !strings.Contains(err.Error(), "another source") {
		t.Fatalf("got %v, want that the source differs", err)
	}
	o.Restart = true
	w, err := NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if rows, bad := w.Done(); rows != 0 || len(bad) != 0 {
		t.Errorf("a restarted writer has %d rows", rows)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + partialSuffix); err == nil {
		t.Error("Abort leaves the unfinished dataset")
	}
}

func TestTwoWritersOfOneDataset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "t.stk")
	w, err := NewWriter(dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // of a test
	_, err = NewWriter(dir, testOptions())
	if !errs.Is(err, errs.Transient) || !strings.Contains(err.Error(), "pid ") {
		t.Errorf("got %v, want the other process's number", err)
	}
}

func TestOverwritingSwapsDatasetsOnly(t *testing.T) {
	tmp := t.TempDir()
	dir := filepath.Join(tmp, "t.stk")
	writeTest(t, dir, 5, testOptions())
	if _, err := NewWriter(dir, testOptions()); !errs.Is(err, errs.Invalid) {
		t.Errorf("got %v, want that the dataset exists", err)
	}
	before := openTest(t, dir)
	s, err := before.Sample(4)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Overwrite = true
	writeTest(t, dir, 9, o)
	checkTest(t, openTest(t, dir), 9)
	if _, err := before.Read(&s, 4, nil); !errs.Is(err, errs.NotFound) {
		t.Errorf("got %v, want that the dataset was replaced", err)
	}
	leftOnly(t, tmp, "t.stk")

	link := filepath.Join(t.TempDir(), "link.stk")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	writeTest(t, link, 7, o)
	checkTest(t, openTest(t, dir), 7)

	photos := filepath.Join(tmp, "photos")
	if err := os.MkdirAll(filepath.Join(photos, "2026"), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(photos, o); !errs.Is(err, errs.Invalid) {
		t.Errorf("got %v, want that a folder of something else stays", err)
	}
}

// TestOverwritingWithoutExchange takes the way of systems that cannot swap
// folders, also after a kill between its two steps.
func TestOverwritingWithoutExchange(t *testing.T) {
	for _, killed := range []bool{false, true} {
		tmp := t.TempDir()
		dir := filepath.Join(tmp, "t.stk")
		writeTest(t, dir, 5, testOptions())
		o := testOptions()
		o.Overwrite = true
		w, err := NewWriter(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		w.exchange = func(_, target string) error {
			if killed {
				return first(os.Rename(target, filepath.Join(w.partial, "old")), errs.New(errs.Internal, "killed"))
			}
			return errNoExchange
		}
		if _, err := finishTest(w, 9); (err != nil) != killed {
			t.Fatal(err)
		}
		if killed {
			writeTest(t, dir, 9, o)
		}
		checkTest(t, openTest(t, dir), 9)
		leftOnly(t, tmp, "t.stk")
	}
}

// TestKillAroundTheMove stops between the steps of Writer.move.
func TestKillAroundTheMove(t *testing.T) {
	for _, overwrite := range []bool{false, true} {
		tmp := t.TempDir()
		dir := filepath.Join(tmp, "t.stk")
		o := testOptions()
		if o.Overwrite = overwrite; overwrite {
			writeTest(t, dir, 5, testOptions())
		}
		w, err := NewWriter(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := finishTest(w, 9); err != nil {
			t.Fatal(err)
		}
		// As if the process had been killed before it removed what was left.
		journal, err := journalLine(w.head)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ReadManifest(dir)
		if err != nil {
			t.Fatal(err)
		}
		commit, err := journalLine(journalEntry{Commit: m.Fingerprint})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(w.partial, dataName), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.partial, journalName), append(journal, commit...), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := NewWriter(dir, testOptions()); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v, want that the dataset exists", err)
		}
		leftOnly(t, tmp, "t.stk")
		checkTest(t, openTest(t, dir), 9)
	}
}

func leftOnly(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the folder holds %v, want %s only", entries, name)
	}
}
