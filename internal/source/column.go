package source

import (
	"math"
	"strconv"
	"strings"

	"stoker/internal/dataset"
)

// cellKind is what a file format says about the type of one cell.
type cellKind uint8

const (
	absent  cellKind = iota // no value
	plain                   // CSV: the text alone tells
	number                  // JSON number
	boolean                 // JSON true or false
	text                    // JSON string; also an object or array, as its JSON text
)

var cellKindNames = [...]string{"nothing", "text", "a number", "true or false", "text"}

// cell is one value as read.
type cell struct {
	kind cellKind
	text string // the number's digits, "true", the string
}

// column gathers the cells of one column of a labels file and then gives them
// the narrowest type that loses nothing: int64, float64, bool, else utf8.
type column struct {
	name string
	kind cellKind // of the JSON cells so far; absent while there was none

	cells                     []string
	isNull                    []bool
	canInt, canFloat, canBool bool
	values                    int // cells that are not null

	field    dataset.Field
	integers []int64
	floats   []float64
	bools    []bool
}

func newColumn(name string) *column {
	return &column{name: name, canInt: true, canFloat: true, canBool: true}
}

// add appends a cell. false means that its kind contradicts the column's.
func (c *column) add(v cell) bool {
	if v.kind == absent {
		c.pad(len(c.cells) + 1)
		return true
	}
	if c.kind != absent && v.kind != c.kind {
		return false
	}
	c.kind = v.kind
	c.cells = append(c.cells, v.text)
	c.isNull = append(c.isNull, false)
	c.values++
	c.canInt = c.canInt && v.kind != text && IsInteger(v.text)
	c.canFloat = c.canFloat && v.kind != text && IsFloat(v.text)
	c.canBool = c.canBool && v.kind != text && IsBool(v.text)
	return true
}

// pad appends nulls until there are n cells.
func (c *column) pad(n int) {
	for len(c.cells) < n {
		c.cells = append(c.cells, "")
		c.isNull = append(c.isNull, true)
	}
}

// IsInteger tells whether s is an int64 as strconv writes it: numbers with leading
// zeros, such as postcodes, stay text.
func IsInteger(s string) bool {
	v, err := strconv.ParseInt(s, 10, 64)
	return err == nil && strconv.FormatInt(v, 10) == s
}

// IsFloat tells whether s is a decimal number without leading zeros, nan or inf.
func IsFloat(s string) bool {
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return false
	}
	digits := strings.TrimLeft(s, "+-")
	leadingZero := len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9'
	return !leadingZero && !strings.ContainsAny(s, "xXpP_")
}

// IsBool tells whether s is true or false.
func IsBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

// finish settles the type and converts. Only utf8 keeps the texts.
func (c *column) finish() {
	c.field = dataset.Field{Name: c.name, Nulls: int64(len(c.cells) - c.values)}
	switch {
	case c.values == 0:
		c.field.Type = dataset.Utf8
	case c.canInt:
		c.field.Type = dataset.Int64
		c.integers = convert(c, func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v })
	case c.canFloat:
		c.field.Type = dataset.Float64
		c.floats = convert(c, func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v })
	case c.canBool:
		c.field.Type = dataset.Bool
		c.bools = convert(c, func(s string) bool { return strings.EqualFold(s, "true") })
	default:
		c.field.Type = dataset.Utf8
		for _, s := range c.cells {
			c.field.MaxBytes = max(c.field.MaxBytes, len(s))
		}
		return
	}
	c.cells = nil
}

func convert[T any](c *column, parse func(string) T) []T {
	out := make([]T, len(c.cells))
	for i, s := range c.cells {
		if !c.isNull[i] {
			out[i] = parse(s)
		}
	}
	return out
}

// labels returns the column as class numbers, with the class names where the
// cells are names. ok is false where they are numbers that are not whole, of
// which row is the first.
func (c *column) labels() (numbers []int64, classes []string, row int, ok bool) {
	switch {
	case c.canInt:
		return c.mapLabels(func(s string) int64 { v, _ := strconv.ParseInt(s, 10, 64); return v }), nil, 0, true
	case c.canFloat: // 3.0: what pandas writes where a cell of an integer column is missing
		for i, s := range c.cells {
			if v, _ := strconv.ParseFloat(s, 64); !c.isNull[i] && (v != math.Trunc(v) || math.Abs(v) > 1<<53) {
				return nil, nil, i, false
			}
		}
		return c.mapLabels(func(s string) int64 { v, _ := strconv.ParseFloat(s, 64); return int64(v) }), nil, 0, true
	}
	classes = c.distinct()
	index := make(map[string]int64, len(classes))
	for i, name := range classes {
		index[name] = int64(i)
	}
	return c.mapLabels(func(s string) int64 { return index[s] }), classes, 0, true
}

// mapLabels gives each cell its number, and -1 to a row without a label.
func (c *column) mapLabels(number func(string) int64) []int64 {
	out := make([]int64, len(c.cells))
	for i, s := range c.cells {
		out[i] = -1
		if !c.isNull[i] {
			out[i] = number(s)
		}
	}
	return out
}

// value returns cell i of a finished column.
func (c *column) value(i int) dataset.Value {
	if c.isNull[i] {
		return dataset.Value{}
	}
	v := dataset.Value{Valid: true}
	switch c.field.Type {
	case dataset.Int64:
		v.Int = c.integers[i]
	case dataset.Float64:
		v.Float = c.floats[i]
	case dataset.Bool:
		v.Bool = c.bools[i]
	default:
		v.Text = c.cells[i]
	}
	return v
}
