package text

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"stoker/internal/errs"
)

// maxDepth bounds nested objects and lists.
const maxDepth = 200

// jsonScratch holds the strings of a row whose escapes were resolved.
type jsonScratch struct{ text []byte }

// parseJSON reads one JSON object (RFC 8259) into rec: strings, numbers, true and
// false as values, objects and lists as their text. Package encoding/json would do
// as well, at a sixth of the speed; TestJSONIsReadAsByTheStandardLibrary compares.
func parseJSON(line []byte, rec *Record, names *interner, scratch *jsonScratch) error {
	p := &jsonParser{data: line, scratch: scratch}
	*rec = (*rec)[:0]
	scratch.text = scratch.text[:0]
	if cap(scratch.text) < len(line) { // so that it never moves: values point into it
		scratch.text = make([]byte, 0, len(line))
	}
	if p.space(); !p.take('{') {
		return p.fail("is not a JSON object in braces")
	}
	p.space()
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return p.fail("a comma or a closing brace is missing")
		}
		p.space()
		name, ok := p.string()
		if !ok {
			return p.fail("the name of a member is missing or no JSON string")
		}
		if p.space(); !p.take(':') {
			return p.fail("a colon is missing")
		}
		p.space()
		m := Member{Name: names.get(name)}
		if !p.value(&m.Value) {
			return p.fail("the value of %q is not JSON", m.Name)
		}
		if rec.Get(m.Name) != nil {
			return p.fail("%q stands twice in this object", m.Name)
		}
		*rec = append(*rec, m)
		p.space()
	}
	if p.space(); p.at < len(p.data) {
		return p.fail("more text after the object; write one object a line")
	}
	return nil
}

type jsonParser struct {
	data    []byte
	at      int
	reason  string // what is wrong, where the caller's words say less
	scratch *jsonScratch
}

func (p *jsonParser) fail(format string, args ...any) error {
	e := errs.New(errs.Corrupt, format, args...)
	switch {
	case p.reason != "":
		e = errs.New(errs.Corrupt, "%s", p.reason)
	case p.at >= len(p.data):
		e = errs.New(errs.Corrupt, "the object is cut off")
	}
	e.Msg = "byte " + strconv.Itoa(p.at+1) + ": " + e.Msg
	return e
}

func (p *jsonParser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

func (p *jsonParser) take(c byte) bool {
	if p.at < len(p.data) && p.data[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *jsonParser) word(s string) bool {
	if len(p.data)-p.at >= len(s) && string(p.data[p.at:p.at+len(s)]) == s {
		p.at += len(s)
		return true
	}
	return false
}

// value reads any value.
func (p *jsonParser) value(v *Value) bool {
	if p.at >= len(p.data) {
		return false
	}
	switch c := p.data[p.at]; c {
	case '"':
		text, ok := p.string()
		v.Kind, v.Text = Text, text
		return ok
	case 'n':
		return p.word("null")
	case 't':
		v.Kind, v.Int = Bool, 1
		return p.word("true")
	case 'f':
		v.Kind = Bool
		return p.word("false")
	case '{', '[':
		from := p.at
		ok := p.nested(0)
		v.Kind, v.Text = JSON, p.data[from:p.at]
		return ok
	}
	return p.number(v)
}

// number reads a number: an Int where it is written as one and fits.
func (p *jsonParser) number(v *Value) bool {
	from := p.at
	whole, ok := p.numberText()
	if !ok {
		return false
	}
	text := string(p.data[from:p.at])
	if whole {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
			v.Kind, v.Int = Int, n
			return true
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		p.reason = "the number " + text[:min(len(text), 40)] + " does not fit 64 bits"
		return false
	}
	v.Kind, v.Float = Float, f
	return true
}

// numberText reads over a number.
func (p *jsonParser) numberText() (whole, ok bool) {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return false, false
	}
	whole = true
	if p.take('.') {
		if whole = false; !p.digits() {
			return false, false
		}
	}
	if p.take('e') || p.take('E') {
		whole = false
		if !p.take('+') {
			p.take('-')
		}
		if !p.digits() {
			return false, false
		}
	}
	return whole, true
}

func (p *jsonParser) digits() bool {
	from := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at > from
}

// nested reads over an object or a list.
func (p *jsonParser) nested(depth int) bool {
	if depth == maxDepth {
		p.reason = "nested more than " + strconv.Itoa(maxDepth) + " deep"
		return false
	}
	object := p.data[p.at] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	p.at++
	p.space()
	for first := true; !p.take(end); first = false {
		if !first && !p.take(',') {
			return false
		}
		p.space()
		if object {
			if !p.overString() {
				return false
			}
			if p.space(); !p.take(':') {
				return false
			}
			p.space()
		}
		if !p.over(depth) {
			return false
		}
		p.space()
	}
	return true
}

// over reads over a value.
func (p *jsonParser) over(depth int) bool {
	if p.at >= len(p.data) {
		return false
	}
	switch p.data[p.at] {
	case '"':
		return p.overString()
	case '{', '[':
		return p.nested(depth + 1)
	case 'n':
		return p.word("null")
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	}
	_, ok := p.numberText()
	return ok
}

func (p *jsonParser) overString() bool {
	_, ok := p.string()
	return ok
}

// string reads a string and returns its text: a view of the line, or of the
// scratch memory where it has escapes. The text may be other than UTF-8 where the
// line is.
func (p *jsonParser) string() ([]byte, bool) {
	if !p.take('"') {
		return nil, false
	}
	from := p.at
	for ; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; {
		case c == '"':
			p.at++
			return p.data[from : p.at-1 : p.at-1], true
		case c == '\\':
			return p.escaped(from)
		case c < ' ':
			p.reason = "a control character stands in a string"
			return nil, false
		}
	}
	return nil, false
}

// escaped goes on with a string at its first escape.
func (p *jsonParser) escaped(from int) ([]byte, bool) {
	out := p.scratch.text
	start := len(out)
	for {
		at := p.at
		for at < len(p.data) && p.data[at] != '\\' && p.data[at] != '"' && p.data[at] >= ' ' {
			at++
		}
		out = append(out, p.data[from:at]...)
		p.at = at
		if at == len(p.data) || p.data[at] < ' ' {
			return nil, false
		}
		p.at++
		if p.data[at] == '"' {
			p.scratch.text = out
			return out[start:len(out):len(out)], true
		}
		var ok bool
		if out, ok = p.escape(out); !ok {
			return nil, false
		}
		from = p.at
	}
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape resolves what follows a backslash.
func (p *jsonParser) escape(out []byte) ([]byte, bool) {
	if p.at >= len(p.data) {
		return out, false
	}
	c := p.data[p.at]
	p.at++
	if c != 'u' {
		if escapes[c] == 0 {
			p.reason = "an unknown escape stands in a string"
			return out, false
		}
		return append(out, escapes[c]), true
	}
	r, ok := p.hex()
	if ok && utf16.IsSurrogate(r) {
		var low rune
		if ok = p.word(`\u`); ok {
			low, ok = p.hex()
		}
		r = utf16.DecodeRune(r, low)
		ok = ok && r != utf8.RuneError
	}
	if !ok {
		p.reason = "a \\u escape is cut off, or half of a surrogate pair, which is no character"
		return out, false
	}
	return utf8.AppendRune(out, r), true
}

func (p *jsonParser) hex() (rune, bool) {
	if len(p.data)-p.at < 4 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.data[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(v), err == nil
}
