package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"stoker/internal/dataset"
	"stoker/internal/errs"
)

// readJSONL reads a labels file of one JSON object a line. Fields stand in the
// order in which they first appear; a row without one has a null there. Objects
// and arrays become utf8 fields with their JSON text.
func (s *Source) readJSONL(r io.Reader, steps *steps) (*table, error) {
	t := &table{file: s.Labels}
	reader := &jsonlReader{table: t, root: s.Root, byName: map[string]*column{}}
	in := bufio.NewScanner(skipBOM(r))
	in.Buffer(make([]byte, 0, 1<<16), maxRow)
	for line := 1; in.Scan(); line++ {
		row := bytes.TrimSpace(in.Bytes())
		if len(row) == 0 {
			continue
		}
		if err := steps.check(); err != nil {
			return nil, err
		}
		if err := reader.row(row, line); err != nil {
			return nil, err
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, errs.New(errs.Invalid, "after row %d: %w", len(t.keys), errRowTooLong).At(t.file)
	} else if err != nil {
		return nil, errs.New(errs.Invalid, "%w", err).At(t.file)
	}
	return t, nil
}

type jsonlReader struct {
	*table
	root   string
	byName map[string]*column
	// The roles are settled by the first row, as a CSV's are by its header.
	pathName, labelName string
}

// member is one name and value of an object.
type member struct {
	name string
	cell cell
}

func (r *jsonlReader) row(text []byte, line int) error {
	if !utf8.Valid(text) {
		return r.fail(line, "", "is not UTF-8").WithHint("save the labels file as UTF-8")
	}
	members, err := parseObject(text)
	if err != nil {
		return r.jsonError(err, line)
	}
	if err := r.checkSize(max(len(members), len(r.columns)), line); err != nil {
		return err
	}
	if len(r.keys) == 0 {
		if err := r.settleRoles(members, line); err != nil {
			return err
		}
	}
	n := len(r.keys)
	for _, m := range members {
		if err := r.member(m, n, line); err != nil {
			return err
		}
	}
	if len(r.keys) == n {
		return r.fail(line, r.pathName, "no path")
	}
	return nil
}

// settleRoles finds out which members are the path and the label.
func (r *jsonlReader) settleRoles(members []member, line int) error {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	h, err := r.header(names, line)
	if err != nil {
		return err
	}
	r.pathName = names[h.path]
	if h.label >= 0 {
		r.labelName = names[h.label]
	}
	return nil
}

// member adds a value to its column. n is the number of rows before this one.
func (r *jsonlReader) member(m member, n, line int) error {
	if len(m.cell.text) > dataset.MaxTextBytes {
		return r.tooLong(line, m.name, len(m.cell.text))
	}
	if m.name == r.pathName {
		if m.cell.kind != text {
			return r.fail(line, m.name, "the path is %s, not text", cellKindNames[m.cell.kind])
		}
		if err := r.addPath(r.root, m.cell.text, line, m.name); err != nil {
			return err
		}
		return nil
	}
	c := r.byName[m.name]
	if c == nil {
		c = newColumn(m.name)
		r.byName[m.name] = c
		switch {
		case m.name == r.labelName, r.labelName == "" && indexOfAny([]string{m.name}, labelColumns) == 0:
			r.labelName, r.label = m.name, c
		default:
			if err := r.checkName(m.name, nil, line); err != nil {
				return err
			}
			r.columns = append(r.columns, c)
		}
	}
	c.pad(n)
	if !c.add(m.cell) {
		return r.fail(line, m.name, "is %s, and was %s in the lines before", cellKindNames[m.cell.kind], cellKindNames[c.kind])
	}
	return nil
}

// parseObject reads one JSON object and keeps the order of its members.
func parseObject(text []byte) ([]member, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if t, err := in.Token(); err != nil {
		return nil, err
	} else if t != json.Delim('{') {
		return nil, errors.New("is not a JSON object in braces")
	}
	var members []member
	for in.More() && len(members) <= maxColumns {
		t, err := in.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // the decoder lets nothing else stand there
		for _, m := range members {
			if m.name == name {
				return nil, fmt.Errorf("%q stands twice in this object", name)
			}
		}
		var raw json.RawMessage
		if err := in.Decode(&raw); err != nil {
			return nil, err
		}
		c, err := parseCell(raw)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, c})
	}
	if len(members) > maxColumns {
		return members, nil // refused by checkSize
	}
	if _, err := in.Token(); err != nil {
		return nil, err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more text after the object; write one object a line")
	}
	return members, nil
}

func parseCell(raw json.RawMessage) (cell, error) {
	switch raw[0] {
	case 'n':
		return cell{}, nil
	case 't', 'f':
		return cell{boolean, string(raw)}, nil
	case '"':
		var v string
		err := json.Unmarshal(raw, &v)
		return cell{text, v}, err
	case '{', '[':
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		return cell{text, b.String()}, err
	}
	if s := string(raw); !IsInteger(s) && !IsFloat(s) {
		return cell{}, fmt.Errorf("%s does not fit a 64-bit number", s)
	}
	return cell{number, string(raw)}, nil
}

func (r *jsonlReader) jsonError(err error, line int) error {
	column := ""
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		column = strconv.FormatInt(syntax.Offset, 10)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the object is cut off")
	}
	return r.fail(line, column, "%w", err).WithHint(`write one JSON object a line, such as {"path": "a.jpg", "label": "cat"}`)
}
