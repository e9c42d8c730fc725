package compare

import (
	"strconv"
	"strings"

	"stoker/internal/errs"
)

// Goal is a metric's value to reach: val_acc=0.85, val_loss<0.3.
type Goal struct {
	Name  string
	Value float64
	Less  bool // smaller is better
}

// lessIsBetter are the endings of metrics that fall while a network learns.
var lessIsBetter = []string{"loss", "error", "err", "perplexity", "ppl", "wer", "cer", "mae", "mse", "rmse", "fid"}

// aliases are names that the parser writes in another way.
var aliases = map[string]string{"acc": "accuracy", "val_acc": "val_accuracy", "train_loss": "loss", "eval_loss": "val_loss"}

// ParseGoal reads a goal. With = the name tells whether less is better.
func ParseGoal(text string) (Goal, error) {
	i := strings.IndexAny(text, "<>=")
	if i <= 0 {
		return Goal{}, errs.New(errs.Invalid, "--to is %q", text).WithHint("write val_acc=0.85 or val_loss<0.3")
	}
	name := strings.ToLower(strings.TrimSpace(text[:i]))
	if a, ok := aliases[name]; ok {
		name = a
	}
	g := Goal{Name: name, Less: text[i] == '<'}
	if text[i] == '=' {
		for _, end := range lessIsBetter {
			g.Less = g.Less || name == end || strings.HasSuffix(name, "_"+end)
		}
	}
	var err error
	g.Value, err = strconv.ParseFloat(strings.TrimSpace(strings.TrimLeft(text[i:], "<>=")), 64)
	if err != nil {
		return g, errs.New(errs.Invalid, "--to is %q: its value is no number", text).WithHint("write val_acc=0.85 or val_loss<0.3")
	}
	return g, nil
}

func (g Goal) names(metric string) bool { return strings.EqualFold(g.Name, metric) }

func (g Goal) met(v float64) bool {
	if g.Less {
		return v <= g.Value
	}
	return v >= g.Value
}

// String writes the goal as it is meant.
func (g Goal) String() string {
	op := " >= "
	if g.Less {
		op = " <= "
	}
	return g.Name + op + strconv.FormatFloat(g.Value, 'g', -1, 64)
}
