// Package arrowipc writes and reads the part of the Arrow IPC file format that
// Stoker's datasets are made of: fixed-width, utf8 and binary columns with nulls,
// and lists of numbers or of vectors of numbers, uncompressed and little-endian,
// without dictionaries. Of files that others wrote, Stream also reads those that are
// compressed or have dictionaries.
//
// It exists beside the well-known implementations because they align buffers to
// 8 bytes only and trust what they read. Here every buffer starts at a multiple
// of 64 bytes and every record batch body at a multiple of the writer's choice,
// so that maps, direct reads and vector instructions meet aligned memory; and
// every length and offset of a file is checked before it is used, so that a
// damaged or hostile file is an error of kind Corrupt, never a panic and never
// an allocation larger than the file.
//
// The format: https://arrow.apache.org/docs/format/Columnar.html, section
// "Serialization and Interprocess Communication". Reading works on a byte slice,
// usually a map of the file, and copies nothing. The package starts no goroutine.
package arrowipc

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Type is the logical type of a column.
type Type uint8

// The types that datasets use.
const (
	Bool Type = iota // one bit a row
	Uint8
	Uint16
	Int32
	Uint32
	Int64
	Float64
	Utf8   // 32-bit offsets: at most 2 GiB of text a record batch
	Binary // 32-bit offsets: at most 2 GiB a record batch
	Float32
	List // of Field.Elem; 32-bit offsets, at most 2 GiB of values a record batch

	// Read, from files of others, but never written.
	Int8
	Int16
	LargeUtf8   // 64-bit offsets
	LargeBinary // 64-bit offsets
	LargeList   // of Field.Elem; 64-bit offsets
)

// typeInfo says how a type is stored and named in the schema's flatbuffer.
type typeInfo struct {
	name   string
	union  byte // number in the flatbuffers union "Type" of Schema.fbs
	bits   int  // width of a value; 0 for types with offsets
	signed bool
	float  int16 // precision of FloatingPoint
}

// Numbers of the union "Type" in Schema.fbs.
const (
	unionInt           = 2
	unionFloat         = 3
	unionBinary        = 4
	unionUtf8          = 5
	unionBool          = 6
	unionList          = 12
	unionFixedSizeList = 16
	unionLargeBinary   = 19
	unionLargeUtf8     = 20
	unionLargeList     = 21
)

// Precisions of FloatingPoint in Schema.fbs.
const (
	precisionSingle = 1
	precisionDouble = 2
)

var types = [...]typeInfo{
	Bool:    {name: "bool", union: unionBool, bits: 1},
	Uint8:   {name: "uint8", union: unionInt, bits: 8},
	Uint16:  {name: "uint16", union: unionInt, bits: 16},
	Int32:   {name: "int32", union: unionInt, bits: 32, signed: true},
	Uint32:  {name: "uint32", union: unionInt, bits: 32},
	Int64:   {name: "int64", union: unionInt, bits: 64, signed: true},
	Float32: {name: "float32", union: unionFloat, bits: 32, float: precisionSingle},
	Float64: {name: "float64", union: unionFloat, bits: 64, float: precisionDouble},
	Utf8:    {name: "utf8", union: unionUtf8},
	Binary:  {name: "binary", union: unionBinary},
	List:    {name: "list", union: unionList},

	Int8:        {name: "int8", union: unionInt, bits: 8, signed: true},
	Int16:       {name: "int16", union: unionInt, bits: 16, signed: true},
	LargeUtf8:   {name: "large_utf8", union: unionLargeUtf8},
	LargeBinary: {name: "large_binary", union: unionLargeBinary},
	LargeList:   {name: "large_list", union: unionLargeList},
}

func (t Type) String() string {
	if int(t) < len(types) {
		return types[t].name
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Variable reports whether values of the type have lengths of their own.
func (t Type) Variable() bool { return types[t].bits == 0 }

// IsList reports whether values are lists of Field.Elem.
func (t Type) IsList() bool { return t == List || t == LargeList }

// IsFloat reports whether values are floating-point numbers.
func (t Type) IsFloat() bool { return t == Float32 || t == Float64 }

// Bytes returns the width of a value; 0 for Bool and types with lengths of their own.
func (t Type) Bytes() int { return types[t].bits / 8 }

// Int returns number i of values of an integer type, as columns and lists hold them.
func (t Type) Int(values []byte, i int) int64 {
	switch t {
	case Uint8:
		return int64(values[i])
	case Int8:
		return int64(int8(values[i]))
	case Int16:
		return int64(int16(binary.LittleEndian.Uint16(values[2*i:])))
	case Uint16:
		return int64(binary.LittleEndian.Uint16(values[2*i:]))
	case Int32:
		return int64(int32(binary.LittleEndian.Uint32(values[4*i:])))
	case Uint32:
		return int64(binary.LittleEndian.Uint32(values[4*i:]))
	default:
		return int64(binary.LittleEndian.Uint64(values[8*i:]))
	}
}

// Float returns number i of values of a floating-point type.
func (t Type) Float(values []byte, i int) float64 {
	if t == Float32 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(values[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(values[8*i:]))
}

// offsetBytes returns the width of the offsets of a type with lengths of its own.
func (t Type) offsetBytes() int {
	if t == LargeUtf8 || t == LargeBinary || t == LargeList {
		return 8
	}
	return 4
}

// valueBytes returns the bytes that rows values of a fixed-width type take.
func (t Type) valueBytes(rows int) int { return (rows*types[t].bits + 7) / 8 }

// Field is one column of a schema.
type Field struct {
	Name     string
	Type     Type
	Nullable bool
	Elem     Type // of a list: what it is a list of, a number of whole bytes
	Features int  // of a list: 0 = list<Elem>, else list<fixed_size_list<Elem>[Features]>
	// Encoding is that of a column with a dictionary, whose values have Type.
	Encoding *Encoding
}

// maxFeatures bounds Field.Features, so that sizes in bytes cannot overflow.
const maxFeatures = 1 << 24

// unit returns the bytes of values that one step of the column's offsets covers.
func (f *Field) unit() int {
	if !f.Type.IsList() {
		return 1
	}
	return f.Elem.Bytes() * max(f.Features, 1)
}

// nodes returns the number of a column's nodes: itself and those of its children.
func (f *Field) nodes() int {
	switch {
	case !f.Type.IsList():
		return 1
	case f.Features == 0:
		return 2
	}
	return 3
}

// isVector reports whether the field is a fixed_size_list, the child of a list of
// vectors: a field with the type of the numbers and with Features.
func (f *Field) isVector() bool { return !f.Type.IsList() && f.Features > 0 }

// child returns the field below a list or a vector; ok is false for the others.
func (f *Field) child() (child Field, ok bool) {
	switch {
	case f.Type == List && f.Features > 0:
		return Field{Name: "item", Type: f.Elem, Features: f.Features}, true
	case f.Type == List:
		return Field{Name: "item", Type: f.Elem}, true
	case f.isVector():
		return Field{Name: "item", Type: f.Type}, true
	}
	return Field{}, false
}

// Schema lists the columns of a file, in order.
type Schema struct {
	Fields []Field
}

// Index returns the position of the column of that name, or -1.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// nodes returns the number of FieldNodes of a batch.
func (s *Schema) nodes() int {
	n := 0
	for i := range s.Fields {
		n += s.Fields[i].nodes()
	}
	return n
}

// Block is the place of one record batch in a file.
type Block struct {
	Offset  int64 // of the message's first byte
	MetaLen int32 // prefix and padded metadata; the body follows
	BodyLen int64
}

// Body returns the file offset of the body.
func (b Block) Body() int64 { return b.Offset + int64(b.MetaLen) }

// End returns the file offset behind the body.
func (b Block) End() int64 { return b.Body() + b.BodyLen }
