package errs_test

import (
	"fmt"
	"io"
	"testing"

	"stoker/internal/errs"
)

func TestErrorTextNamesThePlace(t *testing.T) {
	err := errs.New(errs.Corrupt, "checksum is %08x, want %08x", 1, 2).
		At("photos.stk").InShard("data-00001.arrow", 4096, "cat/1.jpg")
	want := `photos.stk: data-00001.arrow at byte 4096: sample "cat/1.jpg": checksum is 00000001, want 00000002`
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestKindAndHintSurviveWrapping(t *testing.T) {
	inner := errs.New(errs.Exhausted, "disk full: %w", io.ErrShortWrite).WithHint("free some room")
	err := fmt.Errorf("packing: %w", inner)
	if !errs.Is(err, errs.Exhausted) || errs.Is(err, errs.Invalid) {
		t.Errorf("kind = %v, want exhausted", errs.KindOf(err))
	}
	if got := errs.HintOf(err); got != "free some room" {
		t.Errorf("hint = %q", got)
	}
	if errs.KindOf(io.EOF) != errs.Internal {
		t.Error("a foreign error should count as internal")
	}
}
