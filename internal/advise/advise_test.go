package advise

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stoker/internal/errs"
	"stoker/internal/leaktest"
	"stoker/internal/run/account"
	"stoker/internal/run/sampler"
	"stoker/internal/run/why"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// photos makes class folders of n pictures each.
func photos(t *testing.T, classes, n int) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "photos")
	for c := range classes {
		dir := filepath.Join(root, fmt.Sprintf("class%d", c))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			img := image.NewRGBA(image.Rect(0, 0, 240, 180))
			for p := range img.Pix {
				img.Pix[p] = byte(p/240*c + p*i)
			}
			img.Set(0, 0, color.White)
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.jpg", i)))
			if err != nil {
				t.Fatal(err)
			}
			if err := jpeg.Encode(f, img, nil); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	return root
}

// seen is a run that steps in step seconds, of which it waits share, at root.
func seen(step, share float64, root string) why.Evidence {
	n := int64(200)
	r := sampler.Report{Version: 1, PID: 1, Role: sampler.RoleMain,
		Loaders: []sampler.Loader{{Kind: "torch", BatchSize: 8, Root: root, Training: true, Transforms: []string{
			"RandomResizedCrop(size=(64, 64), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, antialias=True)",
			"RandomHorizontalFlip(p=0.5)", "ToTensor()"}}}}
	r.Steps = sampler.Steps{Count: n, Seconds: sampler.Moments{N: n, Sum: step * float64(n)}, Wait: sampler.Moments{N: n, Sum: share * step * float64(n)}}
	return why.Evidence{Reports: []sampler.Report{r}, Account: &account.Account{Seconds: 20, Looks: 200, PID: 1, Cores: 2, Busy: 0.5, MachineBusy: 0.5,
		Main: account.Thread{Running: 1, CPU: 1}, Process: account.Process{CPU: 1, Threads: 1}}}
}

func TestPredictPictures(t *testing.T) {
	root := photos(t, 3, 6)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	r, err := Predict(context.Background(), Options{Evidence: seen(50, 0.6, root), Budget: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Prediction
	// The computation of 20 s is longer, on any machine, than the engine's work on 8
	// small pictures.
	if p.New < 19 || p.New > 30 || p.NewLow > p.New || p.NewHigh < p.New || p.Samples != 18 || p.Source != root || p.Batch <= 0 || p.Batch > 20 {
		t.Errorf("%+v", p)
	}
	if p.Resize != 80 || p.NewResized <= 0 || p.NewResized > p.New*1.2 || r.Padding != -1 || len(p.Notes) > 0 {
		t.Errorf("%+v", p)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("temporary directories are left: %v, %v", left, err)
	}
}

func TestPredictText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reviews.jsonl")
	var lines strings.Builder
	for i := range 400 {
		fmt.Fprintf(&lines, "{\"id\": \"r%d\", \"body\": %q, \"label\": %d}\n", i, strings.Repeat("some words ", 1+i%40), i%2)
	}
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	e := seen(10, 0.5, "")
	e.Argv = []string{"python", "train.py", "--data=reviews.jsonl"}
	r, err := Predict(context.Background(), Options{Evidence: e, Dir: filepath.Dir(path), Budget: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Prediction; p.New < 4.9 || p.New > 8 || p.Samples != 400 || r.Padding < 0.3 || r.Padding > 0.6 || !strings.HasSuffix(p.Command, "-o reviews.stk --text body --tokenizer words") {
		t.Errorf("%+v %v", p, r.Padding)
	}
}

func TestNotKnown(t *testing.T) {
	if _, err := Predict(context.Background(), Options{}); !errs.Is(err, errs.NotFound) || !strings.Contains(errs.HintOf(err), "stoker run") {
		t.Error(err)
	}
	if _, err := Predict(context.Background(), Options{Evidence: seen(1, 0.5, t.TempDir())}); !errs.Is(err, errs.NotFound) || !strings.Contains(errs.HintOf(err), "--data") {
		t.Error(err)
	}
	if _, err := Predict(context.Background(), Options{Evidence: seen(1, 0.5, ""), Data: "/nowhere"}); !errs.Is(err, errs.NotFound) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Predict(ctx, Options{Evidence: seen(1, 0.5, photos(t, 1, 2))}); err == nil {
		t.Error("no error though cancelled")
	}
}

func TestFindByOpenFiles(t *testing.T) {
	root := photos(t, 3, 2)
	e := seen(1, 0.5, "")
	e.Reports[0].Files = []sampler.FileUse{{Dir: root + "/class1", Seen: 4}, {Dir: root + "/class2", Seen: 3}, {Dir: "/usr/share", Seen: 1}}
	if d, err := find(Options{Evidence: e}); err != nil || d.path != root || d.texts {
		t.Error(d, err)
	}
	e.Reports[0].Files = e.Reports[0].Files[:1]
	if d, err := find(Options{Evidence: e}); err != nil || d.path != root+"/class1" {
		t.Error(d, err)
	}
}

func TestSpreadIsEven(t *testing.T) {
	root := photos(t, 4, 5)
	files := spread(root, 8)
	of := map[string]int{}
	for _, f := range files {
		of[filepath.Base(filepath.Dir(f))]++
	}
	if len(files) != 8 || of["class0"] != 2 || of["class3"] != 2 {
		t.Error(files)
	}
	if all := spread(root, 100); len(all) != 20 {
		t.Error(len(all))
	}
}

func TestTranslate(t *testing.T) {
	f := func(want string, transforms ...string) {
		t.Helper()
		if got := translate(transforms); got != want {
			t.Errorf("%v: %q, want %q", transforms, got, want)
		}
	}
	f("rrc:224,flip:0.5,normalize,float32,nchw", "RandomResizedCrop(size=(224, 224), scale=(0.08, 1.0))", "RandomHorizontalFlip(p=0.5)", "ToTensor()",
		"Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])")
	f("resize:256,center:224,nchw", "Compose(\n    Resize(size=256, interpolation=bilinear)\n    CenterCrop(size=(224, 224))\n    PILToTensor()\n)")
	f("", "Lambda()", "ToTensor()")
	f("")
}

// TestThreadsThatPrepare: of a process whose own threads prepare, the computation is what
// is no wait, less the time for which its threads were queued.
func TestThreadsThatPrepare(t *testing.T) {
	e := seen(0.1, 0.6, "")
	e.Account.Main = account.Thread{Running: 0.1, CPU: 0.1, Sleeping: 0.9}
	e.Account.Process = account.Process{CPU: 1.2, Queued: 0.4, Threads: 9}
	n, err := nowOf(e)
	if err != nil || n.compute < 0.0299 || n.compute > 0.0301 || n.cpu != n.compute || n.most != n.compute*n.cores {
		t.Errorf("%+v %v", n, err)
	}
}

func TestModel(t *testing.T) {
	f := func(name string, want float64, n now, m measured) {
		t.Helper()
		if p := predict(n, m); p.New < want*0.98 || p.New > want*1.02 || p.NewLow > p.New || p.NewHigh < p.New {
			t.Errorf("%s: %+v, want %v", name, p, want)
		}
	}
	engine := measured{wall: 0.05, cpu: 0.1, cores: 2, slowdown: 1}
	f("the computation is the limit", 0.2, now{step: 1, wait: 0.8, compute: 0.2, cpu: 0.2, cores: 2}, engine)
	f("all work on all cores", 0.15, now{step: 1, wait: 0.9, compute: 0.1, cpu: 0.2, cores: 2}, engine)
	f("the engine is the limit", 0.055, now{step: 1, wait: 0.99, compute: 0.01, cpu: 0.01, cores: 2}, engine)
	f("two cores computed alone", 0.15, now{step: 0.5, wait: 0.4, compute: 0.1, cpu: 0.2, cores: 2}, engine)
	engine.slowdown = 1.5
	f("the engine takes caches", 0.2*1.25, now{step: 1, wait: 0.8, compute: 0.2, cpu: 0.2, cores: 4}, engine)
	f("as the workers did", 0.2/1.5*1.375, now{step: 1, wait: 0.8, compute: 0.2, cpu: 0.2, cores: 4, beside: 1}, engine)
	f("a GPU does not mind", 0.2, now{step: 1, wait: 0.8, compute: 0.2, cpu: 0.1, cores: 4, gpu: true}, engine)
	engine.bytes = 1e6
	f("the disk is the limit", 0.5, now{step: 1, wait: 0.9, compute: 0.1, cpu: 0.1, cores: 4, bytesRate: 2e6}, engine)
}
