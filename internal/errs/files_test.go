package errs

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrorsOfFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent")
	_, err := os.Open(path)
	if got := KindOfFile(err, Transient); got != NotFound {
		t.Errorf("kind %v", got)
	}
	if text := WithoutPath(err).Error(); strings.Contains(text, path) {
		t.Errorf("names the path: %s", text)
	}
	if KindOfFile(os.ErrPermission, Transient) != Permission || KindOfFile(io.EOF, Transient) != Transient || WithoutPath(io.EOF) != io.EOF {
		t.Error("other errors")
	}
}
