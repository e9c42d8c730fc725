package text

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"

	"stoker/internal/arrowipc"
	"stoker/internal/errs"
)

// maxArrayBytes is the most that an array that is one row may have.
const maxArrayBytes = 256 << 20

// array is a stream of numbers of one type: a .npy file, or nanoGPT's .bin.
type array struct {
	src    *os.File
	in     *bufio.Reader
	typ    arrowipc.Type
	size   int   // bytes of a number
	left   int64 // numbers not yet read
	opts   ReadOptions
	fixed  int64 // numbers of each row; 0 = rows end at the separator
	width  int   // Features of a row
	number int64
}

// openIDs reads raw little-endian uint16, as nanoGPT's prepare.py writes them.
func openIDs(f *Files, x *file, src *os.File, count *atomic.Int64, _ string) (rows, error) {
	if !f.Options.IDs {
		return nil, errs.New(errs.Invalid, "a .bin holds token ids").WithHint("pack it with --tokenizer ids")
	}
	if x.size%2 != 0 {
		return nil, errs.New(errs.Corrupt, "has %d bytes, an odd number: it holds no uint16", x.size)
	}
	a := &array{src: src, in: bufio.NewReaderSize(counted{src, count}, readBuffer), typ: arrowipc.Uint16, size: 2, left: x.size / 2, opts: f.Options}
	if f.Options.Separator < 0 && f.Options.Chunk == 0 {
		return nil, errs.New(errs.Invalid, "where does a sequence end?").
			WithHint("say it with --document-separator ID (50256 for GPT-2), or cut pieces of equal length with --chunk N")
	}
	return a, a.cut(x)
}

// cut settles where rows end in a stream.
func (a *array) cut(x *file) error {
	a.fixed = a.opts.Chunk
	x.whole = false
	if a.fixed < 0 || a.fixed*int64(a.size) > maxArrayBytes {
		return errs.New(errs.Invalid, "pieces of %d ids; 1 to %d are possible", a.fixed, maxArrayBytes/a.size)
	}
	return nil
}

var (
	npyDescr = regexp.MustCompile(`'descr':\s*'([^']*)'`)
	npyOrder = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape':\s*\(([^)]*)\)`)
)

var npyTypes = map[string]arrowipc.Type{
	"|i1": arrowipc.Int8, "|u1": arrowipc.Uint8, "<i2": arrowipc.Int16, "<u2": arrowipc.Uint16, "<i4": arrowipc.Int32,
	"<u4": arrowipc.Uint32, "<i8": arrowipc.Int64, "<f4": arrowipc.Float32, "<f8": arrowipc.Float64,
}

// dtypes are the types in which a dataset stores numbers of an array.
var dtypes = map[arrowipc.Type]string{arrowipc.Int8: "int32", arrowipc.Uint8: "uint16", arrowipc.Int16: "int32", arrowipc.Uint16: "uint16",
	arrowipc.Int32: "int32", arrowipc.Uint32: "int64", arrowipc.Int64: "int64", arrowipc.Float32: "float32", arrowipc.Float64: "float64"}

// openNPY reads NumPy's format, versions 1 to 3
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Of ids,
// one dimension is a stream and two are one row each; of other numbers an array is
// one row, [time] or [time, features].
func openNPY(f *Files, x *file, src *os.File, count *atomic.Int64, _ string) (rows, error) {
	a := &array{src: src, in: bufio.NewReaderSize(counted{src, count}, readBuffer), opts: f.Options}
	shape, err := a.npyHeader()
	if err != nil {
		return nil, err
	}
	if f.DType == "" {
		f.DType = dtypes[a.typ]
	}
	a.left = 1
	for _, n := range shape {
		if n < 0 || n > 0 && a.left > (1<<50)/n {
			return nil, errs.New(errs.Corrupt, "the array has the impossible shape %v", shape)
		}
		a.left *= n
	}
	streams := f.Options.Separator >= 0 || f.Options.Chunk > 0
	switch {
	case f.Options.IDs && len(shape) == 1 && streams:
		return a, a.cut(x)
	case f.Options.IDs && len(shape) == 2:
		x.whole, a.fixed = false, shape[1]
	case len(shape) == 1 || len(shape) == 2 && !f.Options.IDs:
		a.fixed = max(a.left, 1)
		if len(shape) == 2 {
			a.width = int(min(shape[1], 1<<30))
		}
	default:
		return nil, errs.New(errs.Unsupported, "an array of %d dimensions: ids have one or two, other sequences [time] or [time, features]", len(shape))
	}
	if a.fixed == 0 || a.fixed*int64(a.size) > maxArrayBytes {
		return nil, errs.New(errs.Unsupported, "the array's rows of %d numbers are none, or more than %d MiB", a.fixed, maxArrayBytes>>20)
	}
	return a, nil
}

// npyHeader reads the header and returns the shape.
func (a *array) npyHeader() (shape []int64, err error) {
	bad := errs.New(errs.Corrupt, "is no .npy file, or its header is damaged")
	var head [12]byte
	if _, err := io.ReadFull(a.in, head[:10]); err != nil || string(head[:6]) != "\x93NUMPY" || head[6] < 1 || head[6] > 3 {
		return nil, bad
	}
	n := int(binary.LittleEndian.Uint16(head[8:]))
	if head[6] > 1 {
		if _, err := io.ReadFull(a.in, head[10:]); err != nil {
			return nil, bad
		}
		n = int(binary.LittleEndian.Uint32(head[8:]))
	}
	if n > 1<<20 {
		return nil, bad
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(a.in, text); err != nil {
		return nil, bad
	}
	descr, order, dims := npyDescr.FindSubmatch(text), npyOrder.FindSubmatch(text), npyShape.FindSubmatch(text)
	if descr == nil || order == nil || dims == nil {
		return nil, bad
	}
	var ok bool
	if a.typ, ok = npyTypes[string(descr[1])]; !ok {
		return nil, errs.New(errs.Unsupported, "numbers of type %q", descr[1]).WithHint("convert the array: whole numbers of up to 32 bits or int64, float32 or float64, little-endian")
	}
	a.size = a.typ.Bytes()
	for s := range strings.SplitSeq(string(dims[1]), ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return nil, bad
		}
		shape = append(shape, n)
	}
	if string(order[1]) == "True" && len(shape) > 1 {
		return nil, errs.New(errs.Unsupported, "the array is in Fortran order").WithHint("write it with numpy.save(path, numpy.ascontiguousarray(a))")
	}
	return shape, nil
}

func (a *array) next(c *Chunk) error {
	for !c.full() {
		data, long, err := a.row()
		if err != nil {
			return err
		}
		a.number++
		if long {
			c.add(a.number, nil, errLongRow)
			continue
		}
		v := Value{Kind: Numbers, Features: a.width}
		numbersOf(&v, data, a.typ)
		c.add(a.number, Record{{FieldName, v}}, nil)
	}
	return nil
}

// row reads the bytes of the next row; long stands for one that is too long to be
// held.
func (a *array) row() (data []byte, long bool, err error) {
	if a.left <= 0 {
		return nil, false, io.EOF
	}
	if a.fixed > 0 {
		n := min(a.fixed, a.left)
		a.left -= n
		data, err = io.ReadAll(io.LimitReader(a.in, n*int64(a.size)))
		if err == nil && int64(len(data)) < n*int64(a.size) {
			err = io.ErrUnexpectedEOF
		}
		return data, false, damaged(err)
	}
	number := make([]byte, a.size)
	for a.left > 0 {
		if _, err := io.ReadFull(a.in, number); err != nil {
			return nil, false, damaged(io.ErrUnexpectedEOF)
		}
		a.left--
		if len(data) < MaxRowBytes {
			data = append(data, number...)
		} else {
			long = true
		}
		if !a.typ.IsFloat() && a.typ.Int(number, 0) == a.opts.Separator {
			break
		}
	}
	return data, long, nil
}

func (a *array) skip(n int64) (found int64, err error) {
	for ; found < n; found++ {
		if _, _, err := a.row(); err == io.EOF {
			break
		} else if err != nil {
			return found, err
		}
	}
	a.number += found
	return found, nil
}

func (a *array) close() error { return a.src.Close() }
