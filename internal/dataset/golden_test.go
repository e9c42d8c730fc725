package dataset

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/v1 anew: only before format version 1 is released")

// TestFormatVersion1StaysAsItIs compares what is written today, byte for byte,
// with the dataset of the first release, and reads that.
func TestFormatVersion1StaysAsItIs(t *testing.T) {
	const rows = 6
	golden := filepath.Join("testdata", "v1")
	dir := filepath.Join(t.TempDir(), "t.stk")
	o := testOptions()
	o.ShardBytes = 16 << 10
	w, err := NewWriter(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	w.AppendBad(BadRow{Path: "class 0/broken.jpg", Reason: "not a picture"})
	if _, err := finishTest(w, rows); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(golden, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	sameFolder(t, dir, golden)
	checkTest(t, openTest(t, golden), rows)
	if r, err := Verify(context.Background(), golden, nil); err != nil || !r.OK() {
		t.Errorf("%v: %+v", err, r)
	}
}
