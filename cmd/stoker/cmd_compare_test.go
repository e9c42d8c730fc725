package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stoker/internal/errs"
)

var rewrite = flag.Bool("rewrite", false, "write the goldens anew")

// ownState gives the test a history and settings of its own.
func ownState(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STOKER_STATE_DIR", filepath.Join(dir, "state"))
	t.Setenv("STOKER_CONFIG", filepath.Join(dir, "config"))
}

// The published example comes out of the two records: 5 ms a step, 119 s an epoch,
// 1,785 s for 15 epochs, and 57 times that on a free service's processor.
func TestThePublishedExample(t *testing.T) {
	ownState(t)
	logs := "../../internal/run/savedlog/testdata/keras_"
	for name, log := range map[string]string{"workstation": "gpu.log", "colab": "cpu.log"} {
		machine := map[string]string{"workstation": "16 x AMD Ryzen 9, 62 GiB, NVIDIA GeForce RTX 3090", "colab": "2 x Intel(R) Xeon(R) CPU @ 2.20GHz, 13 GiB"}[name]
		if _, err := dataCLI(t, "runs", "add", "--log", logs+log, "--name", name, "--machine", machine,
			"--command", "python imdb.py --epochs 15", "--batch-size", "1", "--data", "imdb"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := dataCLI(t, "compare", "workstation", "colab", "--price", "colab=0", "--to", "val_acc=0.85")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compare_keras.txt", got)
	for _, want := range []string{"57 times as fast", "5.01 ms", "119 s", "1,785 s"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, price := range []string{"B=0", "log-7312=0"} {
		if again, err := dataCLI(t, "compare", "workstation", "colab", "--price", price, "--to", "val_acc=0.85"); err != nil || again != got {
			t.Errorf("--price %s: %v", price, err)
		}
	}
	for _, price := range []string{"C=0", "colab", "colab=much", "=1"} {
		if _, err := dataCLI(t, "compare", "workstation", "colab", "--price", price); !errs.Is(err, errs.Invalid) {
			t.Errorf("--price %s: %v", price, err)
		}
	}
	fromLogs, err := dataCLI(t, "compare", "--log", logs+"gpu.log", "--log", logs+"cpu.log")
	if err != nil || !strings.Contains(fromLogs, "keras_gpu is 57 times as fast as keras_cpu") {
		t.Error(fromLogs, err)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -rewrite writes it anew):\n%s", path, diff)
	}
}
