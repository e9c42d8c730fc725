package progress

import (
	"regexp"
	"strings"
	"sync"

	"stoker/internal/run/rx"
)

// format is one recogniser. Formats are tried in the order of the list below,
// the strict ones first; the first that takes a line wins.
type format struct {
	id string
	// needs holds texts of which one at least is in every line of the format: a
	// cheap test before take.
	needs []string
	// take reads the line. rest is what stands behind a complete bar and belongs
	// to another line, nearly always "".
	take func(line string, c *context) (e Event, rest string, ok bool)
}

func (f *format) mayMatch(line string) bool {
	for _, n := range f.needs {
		if strings.Contains(line, n) {
			return true
		}
	}
	return false
}

// formats is the table of all known formats. To add one: write its entry in the
// file of its family (or a new one), put it here, and add samples with their
// origin to testdata/samples.jsonl.
var formats = concat(
	tqdmFormats, ultralyticsFormats, lightningFormats, kerasFormats, jsonFormats, huggingFaceFormats, kohyaFormats,
	timmFormats, openMMLabFormats, pytorchFormats, megatronFormats, fairseqFormats,
	nanoGPTFormats, tensorFlowFormats, paddleFormats, fastaiFormats, detectronFormats, speechFormats, boostingFormats, rlFormats,
	stokerFormats, toolFormats, checkpointFormats, configFormats, genericFormats,
)

func concat(lists ...[]format) []format {
	var all []format
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// pattern makes a format from a regular expression; read gets its named groups.
// The expression may use the macros {N} (number), {F} (floating point), {C}
// (clock) and {S} (SI suffix).
func pattern(id string, needs []string, expr string, read func(g groups, c *context) (Event, bool)) format {
	re := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(macros.Replace(expr)) })
	return format{id: id, needs: needs, take: func(line string, c *context) (Event, string, bool) {
		re := re()
		m := re.FindStringSubmatchIndex(line)
		if m == nil {
			return Event{}, "", false
		}
		e, ok := read(groups{line, re.SubexpNames(), m}, c)
		return e, "", ok
	}}
}

var macros = strings.NewReplacer(
	"{N}", `\d+(?:\.\d+)?`,
	"{F}", `(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|[-+]?inf)`,
	"{C}", `(?:\d+ days?, )?(?:\d+:)?\d{1,3}:\d{2}`,
	"{S}", `[kKMGTPEZY]?`,
)

// groups are the named parts of one match.
type groups struct {
	line  string
	names []string
	at    []int
}

func (g groups) str(name string) string {
	for i, n := range g.names {
		if n == name && g.at[2*i] >= 0 {
			return g.line[g.at[2*i]:g.at[2*i+1]]
		}
	}
	return ""
}

func (g groups) has(name string) bool    { return g.str(name) != "" }
func (g groups) count(name string) int64 { return count(g.str(name)) }
func (g groups) int(name string) int     { return int(min(count(g.str(name)), 1<<31-1)) }

// keyValue finds "name: value", "name=value" and "name value" pairs.
var keyValue = rx.New(`([A-Za-z][\w./]*(?: loss)?)['"]?\s*(?::|=|\s)\s*['"]?([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|NaN|inf|-inf)(?:m?s)?\b`)

// addPairs takes the metrics of s in "name: value" notation. Only known names
// and losses are taken: a log line has many numbers.
func (e *Event) addPairs(s string) {
	if s == "" {
		return
	}
	for _, m := range keyValue().FindAllStringSubmatch(s, 24) {
		name := lower(m[1])
		if _, known := metricNames[name]; known || strings.HasSuffix(name, "loss") || strings.HasPrefix(name, "val_") || strings.HasPrefix(name, "eval_") {
			e.addMetric(name, m[2])
		}
	}
}
