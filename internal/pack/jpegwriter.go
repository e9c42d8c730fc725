package pack

import (
	"bytes"
	"encoding/binary"
)

// jpegWriter passes a JPEG on and puts an EXIF segment with the orientation
// behind its first marker: the pixels stay as they were stored, so whoever reads
// or exports the picture must still be told how to turn it.
type jpegWriter struct {
	to          *bytes.Buffer
	orientation int
	begun       bool
}

// soi is the size of the start-of-image marker.
const soi = 2

func (w *jpegWriter) Write(p []byte) (int, error) {
	if !w.begun && len(p) >= soi && w.orientation > 1 {
		w.to.Write(p[:soi])
		w.to.Write(orientationSegment(w.orientation))
		w.to.Write(p[soi:])
	} else {
		w.to.Write(p)
	}
	w.begun = true
	return len(p), nil
}

// orientationSegment returns an APP1 segment whose TIFF directory holds nothing
// but tag 274 (EXIF 2.3, sections 4.5.4 and 4.6.2).
func orientationSegment(orientation int) []byte {
	be := binary.BigEndian
	tiff := []byte("MM\x00*\x00\x00\x00\x08") // big endian; the directory begins at byte 8
	tiff = be.AppendUint16(tiff, 1)           // entries
	tiff = be.AppendUint16(tiff, 274)         // Orientation
	tiff = be.AppendUint16(tiff, 3)           // type SHORT
	tiff = be.AppendUint32(tiff, 1)           // one value
	tiff = be.AppendUint16(tiff, uint16(orientation))
	tiff = be.AppendUint16(tiff, 0) // the rest of the value's four bytes
	tiff = be.AppendUint32(tiff, 0) // no further directory
	body := append([]byte("Exif\x00\x00"), tiff...)
	segment := be.AppendUint16([]byte{0xff, 0xe1}, uint16(2+len(body)))
	return append(segment, body...)
}
