package recipe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, c := range []struct {
		name, script, argv, checkpoint string
		files                          []string
		want                           string // "": no recipe
	}{
		{"trainer", "from transformers import HfArgumentParser", "python t.py --output_dir out", "out/checkpoint-500/model.safetensors", nil,
			"python t.py --output_dir out --resume_from_checkpoint out/checkpoint-500"},
		{"trainer without checkpoint", "HfArgumentParser", "python t.py", "", nil, ""},
		{"trainer resumes already", "HfArgumentParser", "python t.py --resume_from_checkpoint x", "out/checkpoint-500", nil, ""},
		{"diffusers", `p.add_argument("--resume_from_checkpoint"); if x != "latest":`, "accelerate launch t.py", "", nil,
			"accelerate launch t.py --resume_from_checkpoint latest"},
		{"nanoGPT", "init_from = 'scratch' # 'scratch' or 'resume'", "python t.py config.py", "", nil, "python t.py config.py --init_from=resume"},
		{"ultralytics", "", "yolo train model=yolo11n.pt data=coco.yaml", "DIR/weights/best.pt", []string{"weights/last.pt"},
			"yolo train model=DIR/weights/last.pt data=coco.yaml resume=True"},
		{"mmengine", `from mmengine.config import Config
parser.add_argument('--resume', nargs='?')`, "python t.py c.py", "", nil, "python t.py c.py --resume"},
		{"detectron2", "args = default_argument_parser().parse_args()", "python t.py", "", nil, "python t.py --resume"},
		{"lightning", "cli = LightningCLI()", "python t.py fit", "lightning_logs/a.ckpt", nil, "python t.py fit --ckpt_path lightning_logs/a.ckpt"},
		{"timm", `parser.add_argument('--resume', default='', type=str)`, "python t.py", "out/last.pth.tar", nil, "python t.py --resume out/last.pth.tar"},
		{"flag", `parser.add_argument("--resume", action="store_true")`, "python t.py", "", nil, "python t.py --resume"},
		{"megatron", "from megatron.training import pretrain", "torchrun t.py --save ck --tp 2", "", nil, "torchrun t.py --save ck --tp 2 --load ck"},
		{"kohya", "from library import train_util, x\nimport library.train_util", "python t.py --output_dir DIR/o", "", []string{"o/a-state/x"},
			"python t.py --output_dir DIR/o --resume DIR/o/a-state"},
		{"unknown", "print(1)", "python t.py", "a.pt", nil, ""},
		{"no script", "", "./train", "a.pt", nil, ""},
	} {
		dir := t.TempDir()
		write := func(name, text string) {
			path := filepath.Join(dir, name)
			_ = os.MkdirAll(filepath.Dir(path), 0o700)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if c.script != "" {
			write("t.py", c.script)
		}
		for _, f := range c.files {
			write(f, "")
		}
		at := func(s string) string { return strings.ReplaceAll(s, "DIR", dir) }
		r, ok := Find(Facts{Argv: strings.Fields(at(c.argv)), Dir: dir, Checkpoint: at(c.checkpoint)})
		if got := strings.Join(r.Argv, " "); got != at(c.want) || ok != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, got, at(c.want))
		}
	}
}
