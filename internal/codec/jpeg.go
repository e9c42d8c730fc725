package codec

import (
	"bytes"
	"encoding/binary"
	"image/jpeg"

	"stoker/internal/pixel"
)

// jpegDecoder reads JPEG (ITU-T T.81, JFIF, EXIF, Adobe's CMYK and YCCK).
type jpegDecoder struct{}

func (*jpegDecoder) Version() string { return "go-jpeg/1" }

func (*jpegDecoder) Info(src []byte) (Info, error) {
	h, err := readJPEGHeader(src)
	if err != nil {
		return Info{}, err
	}
	return Info{Format: JPEG, Width: h.width, Height: h.height, Orientation: h.orientation}, nil
}

func (*jpegDecoder) Decode(src []byte, req Request, dst pixel.RGB) error {
	m, err := jpeg.Decode(bytes.NewReader(src))
	if err != nil {
		return corrupt(JPEG, "%w", err)
	}
	return convert(dst, m, req.Region.Min, JPEG)
}

// jpegHeader is what the markers before the first scan say.
type jpegHeader struct {
	width, height int
	components    int
	orientation   int
}

// The markers that the header parser tells apart (T.81, table B.1).
const (
	markerSOF0 = 0xc0
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerSOF  = 0xcf // last start of frame
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
)

// readJPEGHeader walks the segments up to the frame header.
func readJPEGHeader(src []byte) (jpegHeader, error) {
	var h jpegHeader
	at := 2 // behind SOI
	for {
		for at < len(src) && src[at] != 0xff { // what stands between segments is skipped, as libjpeg does
			at++
		}
		for at < len(src) && src[at] == 0xff { // fill bytes
			at++
		}
		if at >= len(src) {
			return h, corrupt(JPEG, "it ends at byte %d before the frame header", len(src))
		}
		marker := src[at]
		at++
		switch {
		case marker == 0, marker == 1, marker >= 0xd0 && marker <= markerSOI: // no segment follows
			continue
		case marker == markerEOI, marker == markerSOS:
			return h, corrupt(JPEG, "marker %02x at byte %d stands before the frame header", marker, at-1)
		}
		if at+2 > len(src) {
			return h, corrupt(JPEG, "it ends at byte %d before the frame header", len(src))
		}
		n := int(binary.BigEndian.Uint16(src[at:]))
		if n < 2 {
			return h, corrupt(JPEG, "the segment at byte %d has length %d", at, n)
		}
		body := src[at+2 : max(at+2, min(at+n, len(src)))]
		at += n
		switch {
		case marker == markerAPP1 && h.orientation == 0 && bytes.HasPrefix(body, []byte("Exif\x00")) && len(body) > 6:
			h.orientation = exifOrientation(body[6:])
		case isFrame(marker):
			return h, h.readFrame(body)
		}
	}
}

func isFrame(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOF &&
		marker != markerDHT && marker != markerJPG && marker != markerDAC
}

func (h *jpegHeader) readFrame(body []byte) error {
	if len(body) < 6 {
		return corrupt(JPEG, "its frame header has %d bytes", len(body))
	}
	h.height = int(binary.BigEndian.Uint16(body[1:]))
	h.width = int(binary.BigEndian.Uint16(body[3:]))
	h.components = int(body[5])
	if h.height == 0 {
		return unsupported(JPEG, "its height after the first scan (DNL)")
	}
	return nil
}
