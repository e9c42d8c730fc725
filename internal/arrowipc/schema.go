// Package arrowipc writes and reads the part of the Arrow IPC file format that
// Stoker's datasets are made of: flat schemas of fixed-width, utf8 and binary
// columns with nulls, uncompressed and little-endian, without dictionaries.
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

import "fmt"

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
)

// typeInfo says how a type is stored and named in the schema's flatbuffer.
type typeInfo struct {
	name   string
	union  byte // number in the flatbuffers union "Type" of Schema.fbs
	bits   int  // width of a value; 0 for types with offsets
	signed bool
}

// Numbers of the union "Type" in Schema.fbs.
const (
	unionInt    = 2
	unionFloat  = 3
	unionBinary = 4
	unionUtf8   = 5
	unionBool   = 6
)

// Precision of FloatingPoint in Schema.fbs; the only one used.
const precisionDouble = 2

var types = [...]typeInfo{
	Bool:    {"bool", unionBool, 1, false},
	Uint8:   {"uint8", unionInt, 8, false},
	Uint16:  {"uint16", unionInt, 16, false},
	Int32:   {"int32", unionInt, 32, true},
	Uint32:  {"uint32", unionInt, 32, false},
	Int64:   {"int64", unionInt, 64, true},
	Float64: {"float64", unionFloat, 64, false},
	Utf8:    {"utf8", unionUtf8, 0, false},
	Binary:  {"binary", unionBinary, 0, false},
}

func (t Type) String() string {
	if int(t) < len(types) {
		return types[t].name
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Variable reports whether values of the type have lengths of their own.
func (t Type) Variable() bool { return types[t].bits == 0 }

// valueBytes returns the bytes that rows values of a fixed-width type take.
func (t Type) valueBytes(rows int) int { return (rows*types[t].bits + 7) / 8 }

// Field is one column of a schema.
type Field struct {
	Name     string
	Type     Type
	Nullable bool
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
