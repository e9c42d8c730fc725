package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stoker/internal/errs"
	"stoker/internal/transform"
)

// presets are the pipelines that most image trainings use.
var presets = map[string]string{
	"train": "rrc:224,flip",
	"eval":  "resize:256,center:224",
}

// word is one operation of the short form: how its argument becomes JSON.
type word struct {
	name, help string
	make       func(arg string) (string, error)
}

// words are the short form's operations.
var words = []word{
	{"rrc", "rrc:SIZE, random resized crop", sized(`{"op": "random_resized_crop", "size": [%[1]d, %[1]d]}`)},
	{"resize", "resize:SIZE of the short side", sized(`{"op": "resize", "short": %d}`)},
	{"center", "center:SIZE, center crop", sized(`{"op": "center_crop", "size": [%[1]d, %[1]d]}`)},
	{"crop", "crop:SIZE, random crop", sized(`{"op": "random_crop", "size": [%[1]d, %[1]d]}`)},
	{"flip", "flip[:P], horizontally", number(`{"op": "horizontal_flip", "p": %v}`, 0.5)},
	{"vflip", "vflip[:P], vertically", number(`{"op": "vertical_flip", "p": %v}`, 0.5)},
	{"gray", "gray[:P]", number(`{"op": "grayscale", "p": %v}`, 0.1)},
	{"erase", "erase[:P], random erasing", number(`{"op": "random_erasing", "p": %v}`, 0.25)},
	{"jitter", "jitter[:S], colours by 1-S to 1+S", jitter},
	{"normalize", "normalize by ImageNet's mean and deviation", normalize},
}

// outputs are the words that shape the output instead of adding an operation.
var outputs = map[string]string{
	"uint8": "dtype", "float32": "dtype", "float16": "dtype", "bfloat16": "dtype", "nhwc": "layout", "nchw": "layout",
}

// Transform reads a pipeline: a preset (train, eval), the short form such as
// "rrc:224,flip,normalize,float16,nchw", or the JSON of a transform.Spec.
func Transform(text string) (transform.Spec, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return transform.ParseSpec([]byte(text))
	}
	if p, ok := presets[text]; ok {
		text = p
	}
	var ops []string
	output := map[string]string{}
	for item := range strings.SplitSeq(text, ",") {
		name, arg, _ := strings.Cut(strings.TrimSpace(item), ":")
		if kind, ok := outputs[strings.ToLower(name)]; ok {
			output[kind] = strings.ToLower(name)
			continue
		}
		i := slices.IndexFunc(words, func(w word) bool { return w.name == name })
		if i < 0 {
			return transform.Spec{}, errs.New(errs.Invalid, "transform: unknown word %q", name).WithHint("%s", Help())
		}
		op, err := words[i].make(arg)
		if err != nil {
			return transform.Spec{}, errs.New(errs.Invalid, "transform: %q: %w", item, err).WithHint("%s", Help())
		}
		ops = append(ops, op)
	}
	if output["layout"] != "" {
		output["layout"] = strings.ToUpper(output["layout"])
	}
	var members []string
	for _, kind := range []string{"dtype", "layout"} {
		if output[kind] != "" {
			members = append(members, fmt.Sprintf("%q: %q", kind, output[kind]))
		}
	}
	return transform.ParseSpec(fmt.Appendf(nil, `{"ops": [%s], "output": {%s}}`, strings.Join(ops, ", "), strings.Join(members, ", ")))
}

// Help lists the words of the short form.
func Help() string {
	var all []string
	for _, w := range words {
		all = append(all, w.help)
	}
	return "a preset (train, eval), JSON as in OPEN's pipeline, or words with commas between: " + strings.Join(all, "; ") +
		"; uint8, float32, float16, bfloat16; nhwc, nchw"
}

func sized(format string) func(string) (string, error) {
	return func(arg string) (string, error) {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return "", fmt.Errorf("a size in pixels must follow, such as :224")
		}
		return fmt.Sprintf(format, n), nil
	}
}

func number(format string, otherwise float64) func(string) (string, error) {
	return func(arg string) (string, error) {
		p, err := fraction(arg, otherwise)
		return fmt.Sprintf(format, p), err
	}
}

func fraction(arg string, otherwise float64) (float64, error) {
	if arg == "" {
		return otherwise, nil
	}
	p, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(p >= 0 && p <= 1) {
		return 0, fmt.Errorf("a number from 0 to 1 must follow, such as :0.5")
	}
	return p, nil
}

func jitter(arg string) (string, error) {
	s, err := fraction(arg, 0.4)
	r := fmt.Sprintf("[%v, %v]", 1-s, 1+s)
	return fmt.Sprintf(`{"op": "color_jitter", "brightness": %[1]s, "contrast": %[1]s, "saturation": %[1]s}`, r), err
}

func normalize(arg string) (string, error) {
	if arg != "" {
		return "", fmt.Errorf("it takes nothing")
	}
	return `{"op": "normalize", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}`, nil
}
