package notebook

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stoker/internal/errs"
)

const twoCells = `{"cells":[
{"cell_type":"code","execution_count":null,"metadata":{},"outputs":[],"id":"a","source":"x = 20\nprint('step', x)"},
{"cell_type":"code","execution_count":null,"metadata":{},"outputs":[],"id":"b","source":"raise ValueError(x + 1)"}],
"metadata":{"kernelspec":{"name":"python3","display_name":"Python 3","language":"python"}},"nbformat":4,"nbformat_minor":5}`

// TestExecute needs nbclient and a kernel in the Python on the path.
func TestExecute(t *testing.T) {
	if err := exec.Command(python(), "-c", "import nbclient, ipykernel").Run(); err != nil {
		t.Skip("needs nbclient and ipykernel: pip install nbclient ipykernel")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "train.ipynb")
	if err := os.WriteFile(source, []byte(twoCells), 0o600); err != nil {
		t.Fatal(err)
	}
	argv, err := Command(dir, source)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "step 20") || !strings.Contains(string(out), ": 21") {
		t.Fatalf("%v: %s", err, out)
	}
	result, err := os.ReadFile(Result(source))
	if err != nil || !strings.Contains(string(result), "step 20") {
		t.Fatalf("%v: %s", err, result)
	}
	if after, _ := os.ReadFile(source); string(after) != twoCells {
		t.Fatal("the source was changed")
	}
}

func TestIs(t *testing.T) {
	if !Is([]string{"a.ipynb"}) || Is([]string{"python", "a.ipynb"}) || Is([]string{"a.py"}) {
		t.Fatal("a notebook is one argument")
	}
	if _, err := Command(t.TempDir(), "none.ipynb"); !errs.Is(err, errs.NotFound) {
		t.Fatal(err)
	}
}
