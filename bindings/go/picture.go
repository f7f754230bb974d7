package retrieve

// #include "shim.h"
import "C"

import (
	"image"
	"image/color"
	"image/draw"
	"unsafe"
)

// Picture is a picture as the caller has it. It refers to the bytes it was made of, which must stay as they are while a call reads them.
type Picture struct {
	kind          C.int32_t
	path          string
	data          []byte
	tensor        []float32
	format        PixelFormat
	width, height int
	stride        int
	err           error // found when it was made, told when it is used
}

// PixelFormat is the order of the bytes of a pixel. Alpha is dropped.
type PixelFormat int32

const (
	RGB  PixelFormat = C.RTV_PIXEL_RGB8
	BGR  PixelFormat = C.RTV_PIXEL_BGR8
	RGBA PixelFormat = C.RTV_PIXEL_RGBA8 // alpha is not premultiplied
	BGRA PixelFormat = C.RTV_PIXEL_BGRA8
	Gray PixelFormat = C.RTV_PIXEL_GRAY8
)

func (f PixelFormat) channels() int {
	switch f {
	case RGB, BGR:
		return 3
	case RGBA, BGRA:
		return 4
	case Gray:
		return 1
	}
	return 0
}

// File is the picture in a JPEG or PNG file, or in one of a format that [ModelOptions].Decode knows.
func File(path string) Picture {
	return Picture{kind: C.RTV_PICTURE_PATH, path: path, err: whole("path", path)}
}

// Files are the pictures in files.
func Files(paths ...string) []Picture {
	pictures := make([]Picture, len(paths))
	for i, path := range paths {
		pictures[i] = File(path)
	}
	return pictures
}

// Encoded is the picture in the bytes of such a file.
func Encoded(data []byte) Picture {
	return Picture{kind: C.RTV_PICTURE_ENCODED, data: data}
}

// Pixels is a picture of width x height pixels, rows of which begin stride bytes apart. When stride is negative they are stored bottom up.
func Pixels(pixels []byte, format PixelFormat, width, height, stride int) Picture {
	p := Picture{kind: C.RTV_PICTURE_PIXELS, data: pixels, format: format, width: width, height: height, stride: stride}
	const most = 1 << 30 // nothing below overflows
	row, step := int64(width)*int64(format.channels()), int64(stride)
	if step < 0 {
		step = -step
	}
	switch {
	case format.channels() == 0:
		p.err = invalid(ErrInvalidArgument, "pixels: format: got %d, expected RGB, BGR, RGBA, BGRA or Gray", format)
	case width < 1 || width > most || height < 1 || height > most:
		p.err = invalid(ErrInvalidArgument, "pixels: size: got %d x %d, expected 1 x 1 to %d x %d", width, height, most, most)
	case step < row || step > 4*most:
		p.err = invalid(ErrInvalidArgument, "pixels: stride: got %d, expected at least %d, the bytes of a row", stride, row)
	case int64(len(pixels)) < int64(height-1)*step+row:
		p.err = invalid(ErrInvalidArgument, "pixels: bytes: got %d, expected at least %d", len(pixels), int64(height-1)*step+row)
	}
	return p
}

// Tensor is a picture as the network takes it: float32 [3][InputHeight][InputWidth], normalised already.
func Tensor(values []float32) Picture {
	return Picture{kind: C.RTV_PICTURE_TENSOR, tensor: values}
}

// Image is a picture of Go's. [image.NRGBA], [image.Gray] and opaque [image.RGBA] are read where they are, others are converted.
func Image(img image.Image) Picture {
	if img == nil || img.Bounds().Empty() {
		return Picture{err: invalid(ErrInvalidArgument, "picture: got an image without pixels")}
	}
	size := img.Bounds().Size()
	pix, format, stride := pixelsOf(img)
	return Pixels(pix, format, size.X, size.Y, stride)
}

func pixelsOf(img image.Image) ([]byte, PixelFormat, int) {
	switch img := img.(type) {
	case *image.NRGBA:
		return img.Pix, RGBA, img.Stride
	case *image.Gray:
		return img.Pix, Gray, img.Stride
	case *image.RGBA:
		if img.Opaque() {
			return img.Pix, RGBA, img.Stride
		}
	}
	if known, ok := img.(interface{ Opaque() bool }); ok && known.Opaque() {
		to := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
		draw.Draw(to, to.Rect, img, img.Bounds().Min, draw.Src)
		return to.Pix, RGBA, to.Stride
	}
	return withoutAlpha(img)
}

// withoutAlpha converts pixel by pixel, for colours that are premultiplied with an alpha which is to be dropped.
func withoutAlpha(img image.Image) ([]byte, PixelFormat, int) {
	bounds := img.Bounds()
	pix := make([]byte, 0, 3*bounds.Dx()*bounds.Dy())
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			pix = append(pix, c.R, c.G, c.B)
		}
	}
	return pix, RGB, 3 * bounds.Dx()
}

// pictures is an array of them for C. Those that were wrong from the start have no kind, which C refuses.
func (m *memory) pictures(pictures []Picture) *C.rtv_picture {
	array := zeros[C.rtv_picture](m, len(pictures)+1)
	for i := range pictures {
		if pictures[i].err == nil {
			pictures[i].fill(&array[i], m)
		}
	}
	return &array[0]
}

func (p *Picture) fill(to *C.rtv_picture, m *memory) {
	to.kind = p.kind
	switch p.kind {
	case C.RTV_PICTURE_PATH:
		to.path = m.text(p.path)
	case C.RTV_PICTURE_ENCODED:
		to.data = share(m, p.data)
		to.size_bytes = C.uint64_t(len(p.data))
	case C.RTV_PICTURE_TENSOR:
		to.data = share(m, p.tensor)
		to.size_bytes = C.uint64_t(4 * len(p.tensor))
	case C.RTV_PICTURE_PIXELS:
		to.data = share(m, p.data)
		to.pixel_format = C.int32_t(p.format)
		to.width_px, to.height_px = C.int32_t(p.width), C.int32_t(p.height)
		to.stride_bytes = C.int64_t(p.stride)
		if p.stride < 0 { // C wants the top row
			to.data = unsafe.Add(to.data, (p.height-1)*-p.stride)
		}
	}
}

// errorsOf tells which pictures failed, nil for none. Of a picture that was wrong from the start, what was wrong with it.
func errorsOf(pictures []Picture, results []C.rtv_error) error {
	var failed PictureErrors
	for i := range pictures {
		err := pictures[i].err
		if err == nil {
			err = failure(&results[i], pictures[i].path)
		}
		if err != nil && failed == nil {
			failed = make(PictureErrors, len(pictures))
		}
		if err != nil {
			failed[i] = err
		}
	}
	if failed == nil {
		return nil
	}
	return failed
}

// alone is the error of a call for one picture.
func alone(err error) error {
	if failed, ok := err.(PictureErrors); ok {
		return failed[0]
	}
	return err
}
