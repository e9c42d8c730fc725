package arrowipc

import (
	"encoding/binary"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Values of enumerations in Schema.fbs and Message.fbs.
const (
	metadataV5        = 4 // MetadataVersion.V5
	metadataV4        = 3 // differs from V5 in unions only, which we have not
	headerSchema      = 1
	headerRecordBatch = 3
)

// Slots of the tables' fields, in the order of their declarations.
const (
	messageVersion, messageHeaderType, messageHeader, messageBodyLength = 0, 1, 2, 3
	messageSlots                                                        = 5

	batchLength, batchNodes, batchBuffers, batchCompression = 0, 1, 2, 3
	batchSlots                                              = 5

	schemaEndianness, schemaFields = 0, 1
	schemaSlots                    = 4

	fieldName, fieldNullable, fieldTypeType, fieldType, fieldDictionary, fieldChildren = 0, 1, 2, 3, 4, 5
	fieldSlots                                                                         = 7

	intBitWidth, intSigned = 0, 1
	floatPrecision         = 0
	fixedListSize          = 0

	footerVersion, footerSchema, footerDictionaries, footerBatches = 0, 1, 2, 3
	footerSlots                                                    = 5
)

// Bytes of the structs in vectors.
const (
	nodeBytes   = 16 // FieldNode: length, null_count
	bufferBytes = 16 // Buffer: offset, length
	blockBytes  = 24 // Block: offset, metaDataLength, 4 bytes of padding, bodyLength
)

// buildSchema adds a Schema table and returns its place.
func buildSchema(b *flatbuffers.Builder, s *Schema) flatbuffers.UOffsetT {
	fields := make([]flatbuffers.UOffsetT, len(s.Fields))
	for i, f := range s.Fields {
		fields[i] = buildField(b, f)
	}
	vector := b.CreateVectorOfTables(fields)
	b.StartObject(schemaSlots)
	b.PrependUOffsetTSlot(schemaFields, vector, 0)
	return b.EndObject()
}

func buildField(b *flatbuffers.Builder, f Field) flatbuffers.UOffsetT {
	name := b.CreateString(f.Name)
	union, kind := types[f.Type].union, flatbuffers.UOffsetT(0)
	if f.isVector() {
		b.StartObject(1)
		b.PrependInt32Slot(fixedListSize, int32(f.Features), 0)
		union, kind = unionFixedSizeList, b.EndObject()
	} else {
		kind = buildType(b, f.Type)
	}
	// Readers in other languages expect the vector even where it is empty.
	var inner []flatbuffers.UOffsetT
	if child, ok := f.child(); ok {
		inner = append(inner, buildField(b, child))
	}
	children := b.CreateVectorOfTables(inner)
	b.StartObject(fieldSlots)
	b.PrependUOffsetTSlot(fieldName, name, 0)
	b.PrependBoolSlot(fieldNullable, f.Nullable, false)
	b.PrependByteSlot(fieldTypeType, union, 0)
	b.PrependUOffsetTSlot(fieldType, kind, 0)
	b.PrependUOffsetTSlot(fieldChildren, children, 0)
	return b.EndObject()
}

func buildType(b *flatbuffers.Builder, t Type) flatbuffers.UOffsetT {
	info := types[t]
	switch info.union {
	case unionInt:
		b.StartObject(2)
		b.PrependInt32Slot(intBitWidth, int32(info.bits), 0)
		b.PrependBoolSlot(intSigned, info.signed, false)
	case unionFloat:
		b.StartObject(1)
		b.PrependInt16Slot(floatPrecision, info.float, 0)
	default:
		b.StartObject(0)
	}
	return b.EndObject()
}

// finishMessage wraps a header table into a Message and returns its bytes.
func finishMessage(b *flatbuffers.Builder, kind byte, header flatbuffers.UOffsetT, bodyLen int64) []byte {
	b.StartObject(messageSlots)
	b.PrependInt16Slot(messageVersion, metadataV5, 0)
	b.PrependByteSlot(messageHeaderType, kind, 0)
	b.PrependUOffsetTSlot(messageHeader, header, 0)
	b.PrependInt64Slot(messageBodyLength, bodyLen, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

// schemaMessage returns the flatbuffer of the schema's message.
func schemaMessage(s *Schema) []byte {
	b := flatbuffers.NewBuilder(1024)
	return finishMessage(b, headerSchema, buildSchema(b, s), 0)
}

// batchMessage fills fb with the flatbuffer of a record batch whose buffers
// follow one another in the body, each padded to BufferAlign.
func batchMessage(fb *flatbuffers.Builder, columns []columnBuilder, buffers [][]byte) (meta []byte, bodyLen int64) {
	fb.Reset()
	offsets := make([]int64, len(buffers))
	for i, buf := range buffers {
		offsets[i] = bodyLen
		bodyLen += int64(padded(len(buf), BufferAlign))
	}
	// Vectors are written from their end.
	count := 0
	for i := range columns {
		count += columns[i].field.nodes()
	}
	fb.StartVector(nodeBytes, count, 8)
	for i := len(columns) - 1; i >= 0; i-- {
		lengths := columns[i].lengths(nil)
		for level := len(lengths) - 1; level >= 0; level-- {
			nulls := 0
			if level == 0 {
				nulls = columns[i].nulls
			}
			fb.PrependInt64(int64(nulls))
			fb.PrependInt64(lengths[level])
		}
	}
	nodes := fb.EndVector(count)
	fb.StartVector(bufferBytes, len(buffers), 8)
	for i := len(buffers) - 1; i >= 0; i-- {
		fb.PrependInt64(int64(len(buffers[i])))
		fb.PrependInt64(offsets[i])
	}
	vector := fb.EndVector(len(buffers))
	fb.StartObject(batchSlots)
	fb.PrependInt64Slot(batchLength, int64(columns[0].rows), 0)
	fb.PrependUOffsetTSlot(batchNodes, nodes, 0)
	fb.PrependUOffsetTSlot(batchBuffers, vector, 0)
	return finishMessage(fb, headerRecordBatch, fb.EndObject(), bodyLen), bodyLen
}

// footer returns the flatbuffer of a file's footer.
func footer(s *Schema, blocks []Block) []byte {
	b := flatbuffers.NewBuilder(1024 + blockBytes*len(blocks))
	schema := buildSchema(b, s)
	b.StartVector(blockBytes, 0, 8)
	dictionaries := b.EndVector(0)
	b.StartVector(blockBytes, len(blocks), 8)
	for i := len(blocks) - 1; i >= 0; i-- {
		b.PrependInt64(blocks[i].BodyLen)
		b.Pad(4)
		b.PrependInt32(blocks[i].MetaLen)
		b.PrependInt64(blocks[i].Offset)
	}
	batches := b.EndVector(len(blocks))
	b.StartObject(footerSlots)
	b.PrependInt16Slot(footerVersion, metadataV5, 0)
	b.PrependUOffsetTSlot(footerSchema, schema, 0)
	b.PrependUOffsetTSlot(footerDictionaries, dictionaries, 0)
	b.PrependUOffsetTSlot(footerBatches, batches, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

// prefix returns the eight bytes before a message's metadata of n padded bytes.
// With n = 0 they are the end-of-stream marker.
func prefix(n int) [prefixBytes]byte {
	var p [prefixBytes]byte
	binary.LittleEndian.PutUint32(p[:], continuation)
	binary.LittleEndian.PutUint32(p[4:], uint32(n))
	return p
}
