package jpeg

// Marker codes (ITU-T T.81, table B.1), the second byte after 0xFF.
const (
	markerTEM  = 0x01
	markerSOF0 = 0xC0
	markerSOF1 = 0xC1
	markerSOF2 = 0xC2
	markerDHT  = 0xC4
	markerDAC  = 0xCC
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerDQT  = 0xDB
	markerDNL  = 0xDC
	markerDRI  = 0xDD
	markerAPP0 = 0xE0
	markerAPPF = 0xEF
	markerCOM  = 0xFE
)

// huffSpec is a Huffman table as a DHT segment holds it.
type huffSpec struct {
	set   bool
	count [16]uint8 // codes of each length 1 to 16
	value [256]uint8
}

// parser walks the marker segments of one image. It follows libjpeg where the
// standard leaves room, so that both accept the same files.
type parser struct {
	src []byte
	pos int // next byte to read

	frame           frame
	sawSOF          bool
	quant           [4][64]uint16 // natural order
	quantSet        [4]bool
	dc, ac          [4]huffSpec
	restartInterval int

	sawJFIF, sawAdobe bool
	adobeTransform    uint8
	orientation       int
	sawExif           bool

	scan  scanHeader
	scans int // SOS segments seen
}

// scanHeader is what an SOS segment says.
type scanHeader struct {
	n      int    // components
	comp   [4]int // their places in the frame
	td, ta [4]uint8
	ss, se int
	ah, al int
	sosPos int // of the marker
	start  int // first byte of entropy-coded data
}

// next reads segments up to and including the next SOS and reports true, or
// false at the end of the image.
func (p *parser) next() (bool, error) {
	for {
		m, at, err := p.marker()
		if err != nil {
			return false, err
		}
		switch {
		case m == markerSOI:
			return false, errAt(Corrupt, at, "second start-of-image marker")
		case m == markerEOI:
			return false, nil
		case m == markerTEM || m >= markerRST0 && m <= markerRST7:
			continue
		}
		seg, err := p.segment(m, at)
		if err != nil {
			return false, err
		}
		if err := p.dispatch(m, at, seg); err != nil {
			return false, err
		}
		if m == markerSOS {
			return true, nil
		}
	}
}

// start checks for the SOI marker.
func (p *parser) start(src []byte) error {
	p.src, p.orientation = src, 1
	if len(src) < 2 || src[0] != 0xFF || src[1] != markerSOI {
		return errAt(Corrupt, 0, "no start-of-image marker: not a JPEG file")
	}
	p.pos = 2
	return nil
}

// marker finds the next marker, skipping anything else as libjpeg does, and
// returns its code and the offset of its 0xFF.
func (p *parser) marker() (byte, int, error) {
	m, at := findMarker(p.src, p.pos)
	if at < 0 {
		return 0, 0, errAt(Truncated, len(p.src), "file ends where a marker was expected")
	}
	p.pos = at + 2
	return m, at, nil
}

// findMarker returns the first marker at or after pos and the offset of the
// 0xFF just before its code, or -1 where there is none. A marker is a run of
// 0xFF bytes and a byte that is neither 0x00 nor 0xFF.
func findMarker(src []byte, pos int) (byte, int) {
	for i := pos; i < len(src); i++ {
		if src[i] != 0xFF {
			continue
		}
		for i < len(src) && src[i] == 0xFF {
			i++
		}
		if i < len(src) && src[i] != 0 {
			return src[i], i - 1
		}
	}
	return 0, -1
}

// segment returns the bytes of the marker segment that starts at p.pos.
func (p *parser) segment(m byte, at int) ([]byte, error) {
	if p.pos+2 > len(p.src) {
		return nil, errAt(Truncated, len(p.src), "file ends in the length of segment %#02x", m)
	}
	n := int(p.src[p.pos])<<8 | int(p.src[p.pos+1])
	if n < 2 {
		if m >= markerAPP0 && m <= markerAPPF || m == markerCOM || m == markerDNL {
			n = 2 // libjpeg skips nothing more in segments that it need not read
		} else {
			return nil, errAt(Corrupt, at, "segment %#02x has length %d", m, n)
		}
	}
	if p.pos+n > len(p.src) {
		return nil, errAt(Truncated, len(p.src), "file ends in segment %#02x of %d bytes at byte %d", m, n, at)
	}
	seg := p.src[p.pos+2 : p.pos+n]
	p.pos += n
	return seg, nil
}

func (p *parser) dispatch(m byte, at int, seg []byte) error {
	switch m {
	case markerSOF0, markerSOF1, markerSOF2:
		return p.parseSOF(m, at, seg)
	case markerDHT:
		return p.parseDHT(at, seg)
	case markerDQT:
		return p.parseDQT(at, seg)
	case markerDRI:
		if len(seg) != 2 {
			return errAt(Corrupt, at, "restart interval segment of %d bytes", len(seg))
		}
		p.restartInterval = int(seg[0])<<8 | int(seg[1])
	case markerSOS:
		return p.parseSOS(at, seg)
	case markerAPP0:
		if len(seg) >= 14 && string(seg[:5]) == "JFIF\x00" {
			p.sawJFIF = true
		}
	case markerAPP0 + 1:
		if !p.sawExif && len(seg) >= 6 && string(seg[:6]) == "Exif\x00\x00" {
			p.sawExif = true
			p.orientation = ExifOrientation(seg[6:])
		}
	case markerAPP0 + 14:
		if len(seg) >= 12 && string(seg[:5]) == "Adobe" {
			p.sawAdobe, p.adobeTransform = true, seg[11]
		}
	case markerDAC, markerDNL, markerCOM:
		// Arithmetic conditioning matters to no process that is decoded here;
		// libjpeg ignores DNL.
	default:
		return p.unknownMarker(m, at)
	}
	return nil
}

func (p *parser) unknownMarker(m byte, at int) error {
	switch m {
	case 0xC3, 0xC5, 0xC6, 0xC7:
		return errAt(Unsupported, at, "lossless or hierarchical JPEG (SOF%d)", m-markerSOF0)
	case 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF:
		return errAt(Unsupported, at, "arithmetic-coded JPEG (SOF%d)", m-markerSOF0)
	}
	if m > markerAPP0 && m <= markerAPPF {
		return nil
	}
	return errAt(Corrupt, at, "unknown marker %#02x", m)
}

func (p *parser) parseDQT(at int, seg []byte) error {
	for len(seg) > 0 {
		wide, id := seg[0]>>4 != 0, int(seg[0]&15)
		n := 64
		if wide {
			n = 128
		}
		if id > 3 || len(seg) < 1+n {
			return errAt(Corrupt, at, "bad quantisation table %d in a segment with %d bytes left", id, len(seg))
		}
		for i := range 64 {
			if wide {
				p.quant[id][zigzag[i]] = uint16(seg[1+2*i])<<8 | uint16(seg[2+2*i])
			} else {
				p.quant[id][zigzag[i]] = uint16(seg[1+i])
			}
		}
		p.quantSet[id] = true
		seg = seg[1+n:]
	}
	return nil
}

func (p *parser) parseDHT(at int, seg []byte) error {
	for len(seg) > 16 {
		class, id := seg[0]>>4, int(seg[0]&15)
		n := 0
		for _, c := range seg[1:17] {
			n += int(c)
		}
		if class > 1 || id > 3 || n > 256 || 17+n > len(seg) {
			return errAt(Corrupt, at, "bad Huffman table %#02x with %d codes", seg[0], n)
		}
		t := &p.dc[id]
		if class == 1 {
			t = &p.ac[id]
		}
		t.set = true
		copy(t.count[:], seg[1:17])
		copy(t.value[:], seg[17:17+n])
		clear(t.value[n:])
		seg = seg[17+n:]
	}
	if len(seg) != 0 {
		return errAt(Corrupt, at, "Huffman segment has %d bytes too many", len(seg))
	}
	return nil
}

func (p *parser) parseSOS(at int, seg []byte) error {
	if !p.sawSOF {
		return errAt(Corrupt, at, "scan before the frame header")
	}
	if len(seg) < 1 || seg[0] < 1 || seg[0] > 4 || len(seg) != int(seg[0])*2+4 {
		return errAt(Corrupt, at, "bad scan header of %d bytes", len(seg))
	}
	s := &p.scan
	*s = scanHeader{n: int(seg[0]), sosPos: at, start: p.pos}
	for i := range s.n {
		id, t := seg[1+2*i], seg[2+2*i]
		c := i // as libjpeg, which so reads frames that repeat an identifier
		for c < p.frame.ncomp && p.frame.comp[c].id != id {
			c++
		}
		if c == p.frame.ncomp {
			return errAt(Corrupt, at, "scan of component %d, which the frame does not have", id)
		}
		for _, other := range s.comp[:i] {
			if other == c {
				return errAt(Corrupt, at, "component %d twice in one scan", id)
			}
		}
		s.comp[i], s.td[i], s.ta[i] = c, t>>4, t&15
	}
	tail := seg[1+2*s.n:]
	s.ss, s.se, s.ah, s.al = int(tail[0]), int(tail[1]), int(tail[2]>>4), int(tail[2]&15)
	p.scans++
	return nil
}
