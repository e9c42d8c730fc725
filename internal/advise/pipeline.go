package advise

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"stoker/internal/bench"
	"stoker/internal/transform"
)

// pipeline is what the engine is to make of a sample.
type pipeline struct {
	spec  transform.Spec
	short int // of the pictures that it makes, pixels; 0 unknown
	batch int
	notes []string
}

const usualBatch = 64

// pipeline reads the run's transforms; what it cannot read is said.
func (s *sample) pipeline(o Options) (*pipeline, error) {
	p := &pipeline{batch: o.BatchSize}
	l := loader(o.Evidence.Reports)
	if p.batch == 0 && l != nil {
		p.batch = l.BatchSize
	}
	if p.batch <= 0 {
		p.batch = usualBatch
		p.notes = append(p.notes, fmt.Sprintf("the batch size is not known: %d assumed; tell it with --batch-size", usualBatch))
	}
	if s.pictures == 0 {
		return p, nil
	}
	words := o.Transform
	if words == "" && l != nil {
		words = translate(l.Transforms)
	}
	if words == "" {
		words = "train,float32,nchw"
		p.notes = append(p.notes, "the transforms are not known: a random crop to 224 x 224, a flip and float32 assumed; tell them with --transform")
	}
	spec, err := bench.Transform(expand(words))
	if err != nil {
		return nil, err
	}
	p.spec = spec
	if compiled, err := transform.Compile(spec); err == nil {
		p.short = min(compiled.Width(), compiled.Height())
	}
	return p, nil
}

// expand replaces a preset at the beginning by its words, which bench.Transform takes
// only alone.
func expand(words string) string {
	if rest, ok := strings.CutPrefix(words, "train,"); ok {
		return "rrc:224,flip," + rest
	}
	return words
}

// resizeTo is the short side to which pictures may be brought once and still be larger
// than what the pipeline makes of them: 256 for the usual 224.
func (p *pipeline) resizeTo() int {
	if p.short == 0 {
		return 0
	}
	return (p.short*8/7 + 7) / 8 * 8
}

// torchvision's transforms as they print themselves, and Stoker's words for them.
var (
	square = regexp.MustCompile(`size=[\[(]?(\d+)`)
	chance = regexp.MustCompile(`\bp=([\d.]+)`)
)

var translations = []struct{ name, word string }{
	{"RandomResizedCrop", "rrc:SIZE"}, {"Resize", "resize:SIZE"}, {"CenterCrop", "center:SIZE"}, {"RandomCrop", "crop:SIZE"},
	{"RandomHorizontalFlip", "flip:P"}, {"RandomVerticalFlip", "vflip:P"}, {"RandomGrayscale", "gray:P"}, {"RandomErasing", "erase:P"},
	{"ColorJitter", "jitter"}, {"Normalize", "normalize"},
}

// translate makes bench's words of transforms; "" where none of them sets a size.
func translate(transforms []string) string {
	var words []string
	sized, float := false, false
	for _, line := range strings.Split(strings.Join(transforms, "\n"), "\n") {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, "(")
		name = name[strings.LastIndexByte(name, '.')+1:]
		float = float || name == "ToTensor" || name == "Normalize" || strings.Contains(line, "float32")
		for _, t := range translations {
			if t.name != name {
				continue
			}
			word, ok := fill(t.word, line)
			if ok {
				words = append(words, word)
				sized = sized || strings.Contains(t.word, "SIZE")
			}
		}
	}
	if !sized {
		return ""
	}
	if float {
		words = append(words, "float32")
	}
	return strings.Join(append(words, "nchw"), ",")
}

// fill puts the size or chance of a transform into its word.
func fill(word, line string) (string, bool) {
	if strings.Contains(word, "SIZE") {
		m := square.FindStringSubmatch(line)
		if m == nil {
			return "", false
		}
		return strings.Replace(word, "SIZE", m[1], 1), true
	}
	if before, ok := strings.CutSuffix(word, ":P"); ok {
		m := chance.FindStringSubmatch(line)
		if m == nil {
			return before, true
		}
		if p, err := strconv.ParseFloat(m[1], 64); err != nil || p < 0 || p > 1 {
			return before, true
		}
		return before + ":" + m[1], true
	}
	return word, true
}
