package history

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/errs"
	"stoker/internal/run/estimate"
)

func open(t testing.TB, path string) *DB {
	db, err := Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func sample(i int) Run {
	at := time.UnixMilli(1_780_000_000_000 + int64(i)*60_000)
	return Run{UID: fmt.Sprintf("h-%d", i), ID: fmt.Sprintf("r%03d", i), Argv: []string{"python", "train.py"}, CommandKey: "k",
		Dir: "/d", Host: "h", MachineKey: "m", Facts: Facts{Commit: "abc", Packages: map[string]string{"torch": "2.9"}},
		Started: at, Ended: at.Add(time.Hour), Cause: "done", Attempts: 1, Percent: 100, DataWait: 0.25,
		Record: &estimate.Record{Version: estimate.RecordVersion, Complete: true, Seconds: 3600}}
}

func TestRunsComeBack(t *testing.T) {
	ctx, db := context.Background(), open(t, filepath.Join(t.TempDir(), "a b?.db"))
	for i := range 5 {
		if err := db.Put(ctx, sample(i)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := db.Recent(ctx, 2)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if diff := cmp.Diff(sample(4), got[0]); diff != "" {
		t.Error(diff)
	}
	h, err := db.Lessons(ctx, "k", "m", 3)
	if err != nil || len(h) != 3 {
		t.Fatal(h, err)
	}
	if h, _ := db.Lessons(ctx, "k", "other", 3); len(h) != 0 {
		t.Error("lessons from another machine")
	}
}

func TestManyWritersAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			db, err := Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			for i := range 10 {
				if err := db.Put(context.Background(), sample(100*w+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := open(t, path).Count(context.Background()); n != 80 || err != nil {
		t.Fatal(n, err)
	}
}

func TestNewerFiles(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "h.db")
	db := open(t, path)
	_ = db.Put(ctx, sample(1))
	// A later version that only adds: this one goes on working.
	for _, q := range []string{"ALTER TABLE runs ADD COLUMN extra TEXT", "PRAGMA user_version = 9"} {
		if _, err := db.db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	later := open(t, path)
	if err := later.Put(ctx, sample(2)); err != nil {
		t.Fatal(err)
	}
	// One that says this version must not touch it.
	if _, err := db.db.Exec("UPDATE meta SET value = 9"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, path); !errs.Is(err, errs.Mismatch) {
		t.Fatal(err)
	}
}

func TestDamagedAndForbiddenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	_ = os.WriteFile(path, bytes.Repeat([]byte("not a database "), 100), 0o600)
	if _, err := Open(context.Background(), path); err == nil {
		t.Error("a damaged file was opened")
	}
	if _, err := Open(context.Background(), "/proc/none/h.db"); !errs.Is(err, errs.Permission) {
		t.Error(err)
	}
}

func TestExportImport(t *testing.T) {
	ctx, a, b := context.Background(), open(t, filepath.Join(t.TempDir(), "a.db")), open(t, filepath.Join(t.TempDir(), "b.db"))
	for i := range 3 {
		_ = a.Put(ctx, sample(i))
	}
	var buf bytes.Buffer
	if m, err := a.Export(ctx, &buf); m != (Moved{Runs: 3}) || err != nil {
		t.Fatal(m, err)
	}
	for range 2 { // twice is once
		if m, err := b.Import(ctx, bytes.NewReader(buf.Bytes())); m != (Moved{Runs: 3}) || err != nil {
			t.Fatal(m, err)
		}
	}
	got, _ := b.All(ctx)
	want := sample(0)
	want.Imported = true
	if diff := cmp.Diff(want, got[0]); diff != "" || len(got) != 3 {
		t.Error(diff, len(got))
	}
	if _, err := b.Import(ctx, strings.NewReader("{}\n")); !errs.Is(err, errs.Corrupt) {
		t.Error(err)
	}
}

func TestRedact(t *testing.T) {
	in := []string{"python", "t.py", "--lr", "0.1", "--hf-token", "abc", "--api_key=xyz", "--tokenizer", "gpt2", "hub.token=q",
		"hf_aaaaaaaaaaaaaaaaaaaaaaaa", "s3://user:pw@host/x", "--token", "--fast"}
	want := []string{"python", "t.py", "--lr", "0.1", "--hf-token", "***", "--api_key=***", "--tokenizer", "gpt2", "hub.token=***",
		"***", "s3://***@host/x", "--token", "--fast"}
	if diff := cmp.Diff(want, Redact(in)); diff != "" {
		t.Error(diff)
	}
}

func TestCommandKey(t *testing.T) {
	key := func(args ...string) string { return CommandKey("/d", args) }
	if key("python", "t.py", "--output_dir", "a") != key("python", "t.py", "--output_dir", "b") ||
		key("t", "--seed=1") != key("t", "--seed=2") {
		t.Error("places and seeds make a difference")
	}
	if key("t", "--epochs", "1") == key("t", "--epochs", "2") {
		t.Error("the work makes no difference")
	}
}

func BenchmarkRecentOf10000(b *testing.B) {
	ctx, path := context.Background(), filepath.Join(b.TempDir(), "h.db")
	db := open(b, path)
	for i := range 10000 {
		if err := db.Put(ctx, sample(i)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		db := open(b, path)
		if runs, err := db.Recent(ctx, 20); err != nil || len(runs) != 20 {
			b.Fatal(err)
		}
		db.Close()
	}
}
