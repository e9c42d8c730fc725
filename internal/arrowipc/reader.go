package arrowipc

import (
	"encoding/binary"
	"math"

	"stoker/internal/errs"
)

// File is a view of the bytes of an Arrow IPC file. It copies nothing and holds
// no other resource; the bytes must stay valid and unchanged while it and what
// it returned are in use. Concurrent use is safe.
type File struct {
	data   []byte
	schema Schema
	blocks []Block
}

// Open checks the footer of a complete file and reads its schema and the places
// of its batches. A file that another program wrote with types or features that
// this package lacks is an error of kind Unsupported; other misfits are Corrupt.
func Open(data []byte) (*File, error) {
	if !hasMagic(data) {
		return nil, errs.New(errs.Corrupt, "not an Arrow IPC file: the first bytes are not %q", magic)
	}
	n := len(data)
	tail := 4 + len(magic)
	if n < magicBytes+prefixBytes+tail || string(data[n-len(magic):]) != magic {
		return nil, errs.New(errs.Corrupt, "the Arrow file has no footer: it is cut off")
	}
	size := int64(binary.LittleEndian.Uint32(data[n-tail:]))
	if size > int64(n-tail-magicBytes) {
		return nil, errs.New(errs.Corrupt, "the Arrow footer claims %d bytes of a file of %d", size, n)
	}
	end := n - tail - int(size)
	f := &File{data: data}
	if err := f.readFooter(data[end:n-tail], int64(end)); err != nil {
		return nil, err
	}
	return f, nil
}

// Recover reads a file that may lack its footer or end anywhere: it walks the
// messages from the start and keeps the batches that are complete. It fails only
// where not even the schema is whole.
func Recover(data []byte) (*File, error) {
	if !hasMagic(data) {
		return nil, errs.New(errs.Corrupt, "not an Arrow IPC file: the first bytes are not %q", magic)
	}
	f := &File{data: data}
	message, meta, err := f.message(magicBytes)
	if err != nil {
		return nil, err
	}
	if err := message.schema(&f.schema); err != nil {
		return nil, err
	}
	for at := int64(magicBytes + meta); ; {
		message, meta, err := f.message(at)
		if err != nil || message.kind != headerRecordBatch {
			return f, nil
		}
		block := Block{Offset: at, MetaLen: int32(meta), BodyLen: message.bodyLen}
		if block.End() > int64(len(data)) {
			return f, nil
		}
		f.blocks = append(f.blocks, block)
		at = block.End()
	}
}

func hasMagic(data []byte) bool {
	return len(data) >= magicBytes && string(data[:len(magic)]) == magic
}

// Schema returns the file's schema. The caller must not change it.
func (f *File) Schema() *Schema { return &f.schema }

// Blocks returns the places of the batches. The caller must not change them.
func (f *File) Blocks() []Block { return f.blocks }

func (f *File) readFooter(buf []byte, end int64) error {
	var bad bool
	foot := rootTable(buf, &bad)
	version := foot.int16(footerVersion)
	schema := foot.table(footerSchema)
	_, _, dictionaries := foot.vector(footerDictionaries, blockBytes)
	data, _, n := foot.vector(footerBatches, blockBytes)
	if bad || version < metadataV4 || version > metadataV5 {
		return errs.New(errs.Corrupt, "the Arrow footer is damaged")
	}
	if err := readSchema(schema, &f.schema); err != nil {
		return err
	}
	if dictionaries > 0 || f.schema.encoded() {
		return errs.New(errs.Unsupported, "the Arrow file has dictionaries")
	}
	f.blocks = make([]Block, n)
	for i := range f.blocks {
		b := data[blockBytes*i:]
		block := Block{
			Offset:  int64(binary.LittleEndian.Uint64(b)),
			MetaLen: int32(binary.LittleEndian.Uint32(b[8:])),
			BodyLen: int64(binary.LittleEndian.Uint64(b[16:])),
		}
		if block.Offset < magicBytes || block.Offset > end || block.MetaLen < prefixBytes ||
			block.BodyLen < 0 || block.BodyLen > end || block.End() > end {
			return errs.New(errs.Corrupt, "record batch %d lies outside the Arrow file", i)
		}
		f.blocks[i] = block
	}
	return nil
}

// message is one encapsulated message without its body.
type message struct {
	kind    byte
	header  table
	bodyLen int64
}

// message reads the one at the given offset; meta is the size of its prefix and
// metadata.
func (f *File) message(at int64) (m message, meta int, err error) {
	damaged := errs.New(errs.Corrupt, "the Arrow message at byte %d is damaged or cut off", at)
	if at < 0 || at > int64(len(f.data))-prefixBytes {
		return m, 0, damaged
	}
	b := f.data[at:]
	size := int64(binary.LittleEndian.Uint32(b[4:]))
	if binary.LittleEndian.Uint32(b) != continuation || size == 0 || size > int64(len(b)-prefixBytes) ||
		size > math.MaxInt32-prefixBytes {
		return m, 0, damaged
	}
	var bad bool
	root := rootTable(b[prefixBytes:][:size], &bad)
	version := root.int16(messageVersion)
	m.kind = root.byte(messageHeaderType)
	m.bodyLen = root.int64(messageBodyLength)
	m.header = root.table(messageHeader)
	if bad || version < metadataV4 || version > metadataV5 || m.bodyLen < 0 || m.bodyLen > math.MaxInt64/2 {
		return m, 0, damaged
	}
	return m, prefixBytes + int(size), nil
}

func (m message) schema(s *Schema) error {
	if m.kind != headerSchema {
		return errs.New(errs.Corrupt, "the Arrow file does not begin with a schema")
	}
	return readSchema(m.header, s)
}

func readSchema(t table, s *Schema) error {
	if t.int16(schemaEndianness) != 0 {
		return errs.New(errs.Unsupported, "the Arrow file is big-endian")
	}
	var unsupported error
	t.tables(schemaFields, func(_ int, ft table) {
		f, ok := readField(ft)
		if !*t.bad && !ok && unsupported == nil {
			unsupported = errs.New(errs.Unsupported, "column %q of the Arrow file has a type that Stoker does not read", f.Name)
		}
		s.Fields = append(s.Fields, f)
	})
	if *t.bad {
		return errs.New(errs.Corrupt, "the Arrow schema is damaged")
	}
	return unsupported
}

// readField reads a Field table; ok is false where this package lacks its type.
func readField(ft table) (f Field, ok bool) {
	f = Field{Name: ft.string(fieldName), Nullable: ft.byte(fieldNullable) != 0}
	f.Type, ok = readType(ft)
	_, _, children := ft.vector(fieldChildren, 4)
	if !ok {
		return f, false
	}
	if ft.has(fieldDictionary) {
		f.Encoding, ok = readEncoding(ft)
		return f, ok && children == 0 && !f.Type.IsList()
	}
	if !f.Type.IsList() {
		return f, children == 0
	}
	item, ok := onlyChild(ft)
	if ok && item.byte(fieldTypeType) == unionFixedSizeList {
		f.Features = int(item.table(fieldType).int32(fixedListSize))
		if f.Features < 1 || f.Features > maxFeatures {
			return f, false
		}
		item, ok = onlyChild(item)
	}
	if !ok {
		return f, false
	}
	f.Elem, ok = readType(item)
	_, _, below := item.vector(fieldChildren, 4)
	return f, ok && below == 0 && !item.has(fieldDictionary) && types[f.Elem].bits >= 8
}

// onlyChild returns the child of a list's Field table.
func onlyChild(ft table) (child table, ok bool) {
	n := 0
	ft.tables(fieldChildren, func(_ int, sub table) { child, n = sub, n+1 })
	return child, n == 1
}

// readType finds the Type that a Field table declares.
func readType(ft table) (Type, bool) {
	union := ft.byte(fieldTypeType)
	kind := ft.table(fieldType)
	for t, info := range types {
		if info.union != union {
			continue
		}
		switch union {
		case unionInt:
			if int(kind.int32(intBitWidth)) != info.bits || (kind.byte(intSigned) != 0) != info.signed {
				continue
			}
		case unionFloat:
			if kind.int16(floatPrecision) != info.float {
				continue
			}
		}
		return Type(t), true
	}
	return 0, false
}
