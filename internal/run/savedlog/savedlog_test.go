package savedlog_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/run/history"
	"stoker/internal/run/savedlog"
)

func read(t *testing.T, text string, o savedlog.Options) history.Run {
	t.Helper()
	r, err := savedlog.Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-3*math.Abs(want)+1e-12 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The published example: what Keras 3 prints, saved.
func TestKeras(t *testing.T) {
	text := func(name string) string {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	gpu := read(t, text("keras_gpu.log"), savedlog.Options{Name: "workstation", BatchSize: 1, Ended: time.Unix(1_790_000_000, 0)})
	if !gpu.Record.Complete || gpu.Record.Epochs != 15 || len(gpu.Timing.Epochs) != 15 || gpu.Record.StepsPerEpoch != 23750 || gpu.Cause != "done" {
		t.Errorf("%+v", gpu.Record)
	}
	near(t, "the run", gpu.Record.Seconds, 1785)
	near(t, "a step", gpu.Timing.StepMedian, 119./23750)
	last := gpu.Timing.Metrics[len(gpu.Timing.Metrics)-1]
	if last.Name != "val_loss" || last.Epoch != 15 || last.Seconds != 1785 {
		t.Errorf("%+v", last)
	}
	cpu := read(t, text("keras_cpu.log"), savedlog.Options{Name: "colab"})
	if cpu.Record.Complete || cpu.Record.Epochs != 15 || len(cpu.Timing.Epochs) != 6 || cpu.Cause != "lost" || cpu.UID == gpu.UID {
		t.Errorf("%+v", cpu.Record)
	}
	near(t, "its progress", cpu.Percent, 40)
	if again := read(t, text("keras_cpu.log"), savedlog.Options{}); again.UID != cpu.UID {
		t.Error("the same log is another run")
	}
}

func TestWhatOthersPrint(t *testing.T) {
	lines := func(format string, n int) string { return strings.Repeat(format+"\n", n) }
	for name, c := range map[string]struct {
		text                     string
		step, epoch, whole, wait float64
	}{
		"keras 2": {"Epoch 1/2\n469/469 [==============================] - 5s 10ms/step - loss: 0.5\nEpoch 2/2\n469/469 [==============================] - 4s 9ms/step - loss: 0.4\n",
			0.010, 5, 9, -1},
		"keras verbose 2": {"Epoch 1/1\n469/469 - 151s - 322ms/step - accuracy: 0.9 - loss: 0.2\n", 151. / 469, 151, 151, -1},
		"mmengine": {lines("Epoch(train)   [1][100/270]  lr: 1e-4  eta: 0:10:00  time: 0.4500  data_time: 0.0900  memory: 17024  loss: 0.3655", 20),
			0.45, 0, 0, 0.2},
		"tqdm": {"Epoch 1/2: 100%|██████████| 132/132 [00:46<00:00,  2.85it/s, loss=188.3]\nEpoch 2/2: 100%|██████████| 132/132 [01:06<00:00,  2.00it/s, loss=88.3]\n",
			66. / 132, 46, 112, -1},
		"hugging face": {"{'train_runtime': '1.2e+02', 'train_samples_per_second': '12', 'epoch': '3'}\n", 0, 0, 120, -1},
	} {
		r := read(t, c.text, savedlog.Options{})
		near(t, name+": a step", r.Timing.StepMedian, c.step)
		near(t, name+": data wait", r.Timing.DataWait, c.wait)
		near(t, name+": the run", r.Record.Seconds, c.whole)
		if len(r.Timing.Epochs) > 0 {
			near(t, name+": an epoch", r.Timing.Epochs[0], c.epoch)
		} else if c.epoch > 0 {
			t.Errorf("%s: no epochs", name)
		}
	}
}

func TestALogThatTellsNothingIsRefused(t *testing.T) {
	for _, text := range []string{"", "hello\n", "\x00\xff\r\r\n", "Epoch 1/3\n"} {
		if _, err := savedlog.Read(strings.NewReader(text), savedlog.Options{}); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("Epoch 1/2\n469/469 - 5s - 10ms/step - loss: 0.5\r\n")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = savedlog.Read(strings.NewReader(text), savedlog.Options{Argv: []string{"--epochs", "3"}})
	})
}
