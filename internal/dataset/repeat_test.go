package dataset

import (
	"path/filepath"
	"testing"
)

func TestRepeatedDatasetHasTheSameSamplesAgain(t *testing.T) {
	tmp := t.TempDir()
	src, dst := filepath.Join(tmp, "a.stk"), filepath.Join(tmp, "b.stk")
	writeTest(t, src, 10, testOptions())
	if err := Repeat(src, dst, 25); err != nil {
		t.Fatal(err)
	}
	d := openTest(t, dst)
	if d.Len() != 25 {
		t.Fatalf("%d samples, want 25", d.Len())
	}
	for i := range int64(25) {
		s, err := d.Sample(i)
		if err != nil {
			t.Fatal(err)
		}
		want := testRow(int(i % 10))
		blob, err := d.Read(&s, i, nil)
		if err != nil || string(blob) != string(want.Blob) {
			t.Fatalf("sample %d: %d bytes (%v), want %d", i, len(blob), err, len(want.Blob))
		}
		checkValues(t, d, i, testFields, want.Values)
	}
	if a, b := d.Key(4), d.Key(24); b != a+"#2" {
		t.Errorf("keys %q and %q, want #2 behind the second", a, b)
	}
	if err := Repeat(dst, filepath.Join(tmp, "c.stk"), 50); err == nil {
		t.Error("a repeated dataset was repeated")
	}
}
