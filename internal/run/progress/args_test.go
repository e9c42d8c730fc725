package progress

import (
	"strings"
	"testing"
)

func TestArgTotals(t *testing.T) {
	for line, want := range map[string][2]int64{
		"python train.py --epochs 10 --lr 1e-3":                           {0, 10},
		"python train.py config/x.py --max_iters=600":                     {600, 0},
		"torchrun --nproc_per_node=2 t.py --num-train-epochs=3 --steps x": {0, 3},
		"python main.py trainer.max_epochs=7 trainer.max_steps=1_000":     {1000, 7},
		"python t.py --max_steps -1":                                      {0, 0},
		"make -j 8":                                                       {0, 0},
		"yolo train data=coco.yaml epochs=100 imgsz=640":                  {0, 100},
		"python t.py --epochs":                                            {0, 0},
	} {
		steps, epochs := ArgTotals(strings.Fields(line))
		if steps != want[0] || int64(epochs) != want[1] {
			t.Errorf("%q: %d steps, %d epochs, want %v", line, steps, epochs, want)
		}
	}
}
