package retrieve

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var ctx = context.Background()

func near1(a, b []float32, tolerance float64) bool {
	for i := range a {
		if math.Abs(float64(a[i])-float64(b[i])) > tolerance {
			return false
		}
	}
	return len(a) == len(b)
}

func TestModelFile(t *testing.T) {
	m := toy(t, nil)
	if info := m.Info(); info.Dim != 12 || info.NumClasses != 5 || info.InputWidth != 32 || len(info.Fingerprint) != 64 || m.Dim() != 12 {
		t.Errorf("got %+v", info)
	}
	path := filepath.Join(t.TempDir(), "m.safetensors")
	fatal(t, m.Save(path))
	again, err := LoadModel(path, &ModelOptions{Executor: Reference})
	fatal(t, err)
	defer again.Close()
	if again.Info().Fingerprint != m.Info().Fingerprint || again.Info().Executor != Reference {
		t.Errorf("got %+v, expected %+v by the reference", again.Info(), m.Info())
	}
	data, err := os.ReadFile(path)
	fatal(t, err)
	third, err := LoadModelBytes(data, nil)
	fatal(t, err)
	third.Close()
	if dump, err := m.Dump(); err != nil || len(dump) < 256 || !strings.Contains(dump, "conv") {
		t.Errorf("got %q, %v", dump, err)
	}
	layers, err := m.Profile(1)
	if err != nil || len(layers) < 10 || layers[0].Name == "" || layers[0].Precision != "f32" {
		t.Errorf("got %+v, %v", layers, err)
	}
}

func TestImportOptions(t *testing.T) {
	path := testsFolder + "/golden/models/cgd_sg.pth"
	how := &ImportOptions{
		InputWidth: 32, InputHeight: 32, Resize: Letterbox, LetterboxValue: pointer(uint8(0)), ApplyEXIF: true, Mean: &[3]float32{0, 0, 0},
		Std: &[3]float32{1, 1, 1}, StoreFloat16: true, Name: "mine", ClassNames: []string{"a", "b", "c", "d", "e"},
	}
	m, err := ImportModel(path, how, nil)
	fatal(t, err)
	defer m.Close()
	if m.Info().Name != "mine" || m.ClassName(4) != "e" || m.ClassName(9) != "" || !strings.Contains(m.Info().Preprocessing, "letterbox") {
		t.Errorf("got %+v, class %q", m.Info(), m.ClassName(4))
	}
	black, err := m.Preprocess(Pixels(make([]byte, 64*32*3), RGB, 64, 32, 64*3))
	fatal(t, err)
	if !reflect.DeepEqual(black, make([]float32, 3*32*32)) {
		t.Error("a black picture on black with mean 0 is not zeros")
	}
	_, err = ImportModel(path, &ImportOptions{Name: "a\x00b"}, nil)
	refuses(t, err, ErrInvalidArgument, "NUL")
	_, err = ImportModel(path, &ImportOptions{InputWidth: 1 << 40}, nil)
	refuses(t, err, ErrInvalidArgument, "input_width")
}

// The same pixels as a file, as its bytes, and as every kind of image.
func TestPicturesOfEveryKind(t *testing.T) {
	m := toy(t, nil)
	img := image.NewNRGBA(image.Rect(0, 0, 50, 40))
	for i := range img.Pix {
		img.Pix[i] = byte(hash(i) >> 24)
		if i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	path := filepath.Join(t.TempDir(), "a.png")
	file, err := os.Create(path)
	fatal(t, err)
	fatal(t, png.Encode(file, img))
	fatal(t, file.Close())
	data, err := os.ReadFile(path)
	fatal(t, err)

	rgba := image.NewRGBA(image.Rect(-5, -5, 60, 60))
	draw.Draw(rgba, image.Rect(3, 4, 53, 44), img, image.Point{}, draw.Src)
	wide := image.NewNRGBA64(img.Rect)
	draw.Draw(wide, wide.Rect, img, image.Point{}, draw.Src)
	bgr := make([]byte, 0, 50*40*3)
	for y := 39; y >= 0; y-- { // bottom up
		for x := 0; x < 50; x++ {
			c := img.NRGBAAt(x, y)
			bgr = append(bgr, c.B, c.G, c.R)
		}
	}
	tensor, err := m.Preprocess(File(path))
	fatal(t, err)
	want, err := m.EmbedOne(ctx, File(path))
	fatal(t, err)
	for name, p := range map[string]Picture{
		"bytes": Encoded(data), "NRGBA": Image(img), "RGBA": Image(rgba.SubImage(image.Rect(3, 4, 53, 44))), "NRGBA64": Image(wide),
		"bottom up": Pixels(bgr, BGR, 50, 40, -150), "tensor": Tensor(tensor),
	} {
		got, err := m.EmbedOne(ctx, p)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, expected %v", name, got, err, want)
		}
	}
	if hashed, err := m.PictureHash(File(path)); err != nil || hashed == 0 || m.CalibratedWith(hashed) {
		t.Errorf("got the hash %d, %v", hashed, err)
	}
}

// Alpha is dropped, as Pillow does; colours that are premultiplied with it are restored first.
func TestAlphaIsDropped(t *testing.T) {
	m := toy(t, nil)
	clear := image.NewNRGBA(image.Rect(0, 0, 32, 32))
	full := image.NewNRGBA(clear.Rect)
	premultiplied := image.NewRGBA(clear.Rect)
	palette := image.NewPaletted(clear.Rect, color.Palette{color.NRGBA{200, 100, 50, 128}})
	for y := 0; y < 32; y++ {
		for x := 0; x < 32; x++ {
			clear.SetNRGBA(x, y, color.NRGBA{200, 100, 50, 128})
			full.SetNRGBA(x, y, color.NRGBA{200, 100, 50, 255})
			premultiplied.Set(x, y, color.NRGBA{200, 100, 50, 128})
		}
	}
	want, err := m.Preprocess(Image(full))
	fatal(t, err)
	for name, img := range map[string]image.Image{"NRGBA": clear, "RGBA": premultiplied, "palette": palette} {
		got, err := m.Preprocess(Image(img))
		fatal(t, err)
		// Premultiplied with 128 of 255, a level of 8 bits is two of the restored ones, of 255 * 0.225 in normalised units.
		if !near1(got, want, 2/(255*0.225)) {
			t.Errorf("%s: got %v, expected %v", name, got[0], want[0])
		}
	}
	gray := image.NewGray(image.Rect(0, 0, 9, 9))
	if _, err := m.EmbedOne(ctx, Image(gray)); err != nil {
		t.Error(err)
	}
}

func TestEmbedOneBadPictureFailsAlone(t *testing.T) {
	m := toy(t, nil)
	good := picturesOf(t, "ant")[0]
	found, err := m.Embed(ctx, []Picture{File(good), File("no/such.png"), Encoded([]byte("no picture")), Pixels(nil, RGB, 3, 3, 9), File("a\x00.png"), File(good)}, nil)
	var failed PictureErrors
	if !errors.As(err, &failed) || failed[0] != nil || failed[5] != nil {
		t.Fatalf("got %v, expected four of six pictures to fail", err)
	}
	refuses(t, err, ErrIO, "4 of 6 pictures failed, the first is number 1")
	refuses(t, failed[1], ErrIO, "no/such.png")
	refuses(t, failed[1], fs.ErrNotExist, "")
	refuses(t, failed[3], ErrInvalidArgument, "bytes: got 0, expected at least 27")
	refuses(t, failed[4], ErrInvalidArgument, "NUL at byte 1")
	if errors.Is(err, ErrBusy) {
		t.Error("none of the pictures was busy")
	}
	var e *Error
	if !errors.As(err, &e) || e.Path != "no/such.png" || e.Offset != -1 {
		t.Errorf("got %+v", e)
	}
	if !reflect.DeepEqual(found.Descriptor(0), found.Descriptor(5)) || found.Descriptor(0)[0] == 0 {
		t.Errorf("got %v and %v for one picture", found.Descriptor(0), found.Descriptor(5))
	}
	if !reflect.DeepEqual(found.Descriptor(1), make([]float32, 12)) || found.Classes[1] != -1 {
		t.Errorf("got %v for a picture that is not there", found.Descriptor(1))
	}
	_, err = m.EmbedOne(ctx, File("no/such.png"))
	if _, one := err.(*Error); !one {
		t.Errorf("got %T, expected *Error", err)
	}
	none, err := m.Embed(ctx, nil, nil)
	if err != nil || len(none.Descriptors) != 0 {
		t.Errorf("no pictures: got %v, %v", none, err)
	}
}

func TestBadPixels(t *testing.T) {
	for words, p := range map[string]Picture{
		"format: got 9":         Pixels(make([]byte, 100), 9, 1, 1, 4),
		"size: got 0 x 1":       Pixels(make([]byte, 100), RGB, 0, 1, 3),
		"stride: got 5":         Pixels(make([]byte, 100), RGB, 2, 1, 5),
		"bytes: got 100":        Pixels(make([]byte, 100), Gray, 10, 11, -10),
		"size: got 1073741825":  Pixels(make([]byte, 100), Gray, 1<<30+1, 1, 1<<30+1),
		"stride: got 999999999": Pixels(make([]byte, 100), Gray, 1, 1<<30, 9999999999),
		"without pixels":        Image(nil),
		"an image without":      Image(image.NewGray(image.Rect(3, 3, 3, 9))),
	} {
		_, err := toy(t, nil).EmbedOne(ctx, p)
		refuses(t, err, ErrInvalidArgument, words)
	}
}

func TestLimits(t *testing.T) {
	path := picturesOf(t, "ant")[0]
	_, err := toy(t, &ModelOptions{MaxPixels: 10}).EmbedOne(ctx, File(path))
	refuses(t, err, ErrLimit, "max_pixels")
	_, err = toy(t, &ModelOptions{MaxPictureBytes: 10}).EmbedOne(ctx, File(path))
	refuses(t, err, ErrLimit, "max_picture_bytes")
	_, err = toy(t, nil).EmbedOne(ctx, Tensor(make([]float32, 5)))
	refuses(t, err, ErrMismatch, "")
	_, err = toy(t, nil).EmbedOne(ctx, Tensor(nil))
	refuses(t, err, ErrInvalidArgument, "")
}

func TestProgressAndCancellation(t *testing.T) {
	m := toy(t, nil)
	pictures := Files(picturesOf(t, "ant", "key")...)
	var last, calls int64
	_, err := m.Embed(ctx, pictures, &EmbedOptions{Progress: func(done, total int64) {
		if total != 10 || done < last {
			t.Errorf("got %d of %d after %d", done, total, last)
		}
		last = done
		calls++
	}})
	fatal(t, err)
	if last != 10 || calls == 0 {
		t.Errorf("got %d calls up to %d, expected some up to 10", calls, last)
	}

	stopping, stop := context.WithCancel(ctx)
	found, err := m.Embed(stopping, pictures, &EmbedOptions{Mode: Latency, Progress: func(done, total int64) { stop() }})
	refuses(t, err, context.Canceled, "canceled")
	refuses(t, err, ErrCancelled, "")
	if found != nil {
		t.Error("got an embedding, expected none")
	}
	if _, err := m.Embed(stopping, pictures, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v for a context that ended before", err)
	}
	late, release := context.WithTimeout(ctx, 0)
	defer release()
	if _, err := m.EmbedOne(late, pictures[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v after the deadline", err)
	}
}

func TestPanicOfACallbackComesOut(t *testing.T) {
	m := toy(t, nil)
	pictures := Files(picturesOf(t, "ant")...)
	calls := 0
	value := panics(func() {
		m.Embed(ctx, pictures, &EmbedOptions{Mode: Latency, Progress: func(done, total int64) {
			calls++
			panic(io.ErrUnexpectedEOF)
		}})
	})
	if value != io.ErrUnexpectedEOF || calls != 1 {
		t.Errorf("got the panic %v after %d calls, expected the callback's after 1", value, calls)
	}
	if _, err := m.Embed(ctx, pictures, nil); err != nil {
		t.Errorf("after a panic: got %v", err)
	}
}

// dots is a format of our own: "DOTS", then a width, a height and a level of gray.
func dots(data []byte) (image.Image, error) {
	if !strings.HasPrefix(string(data), "DOTS") {
		return nil, fmt.Errorf("dots: %w", image.ErrFormat)
	}
	switch string(data[4:]) {
	case "panic":
		panic("no dots")
	case "nothing":
		return nil, nil
	case "error":
		return nil, io.ErrUnexpectedEOF
	}
	img := image.NewGray(image.Rect(0, 0, int(data[4]), int(data[5])))
	for i := range img.Pix {
		img.Pix[i] = data[6]
	}
	return img, nil
}

func TestDecoder(t *testing.T) {
	m := toy(t, &ModelOptions{Decode: dots, MaxPixels: 1000})
	same, err := m.Embed(ctx, []Picture{Encoded([]byte("DOTS\x07\x08\x55")), Pixels([]byte(strings.Repeat("\x55", 56)), Gray, 7, 8, 7)}, nil)
	fatal(t, err)
	if !reflect.DeepEqual(same.Descriptor(0), same.Descriptor(1)) {
		t.Errorf("got %v, expected %v", same.Descriptor(0), same.Descriptor(1))
	}
	for text, want := range map[string]struct {
		status error
		words  string
	}{
		"DOTSpanic": {ErrCallback, ""}, "DOTSnothing": {ErrCallback, ""}, "DOTSerror": {io.ErrUnexpectedEOF, ""},
		"GIF89a": {ErrUnsupported, ""}, "DOTS\xff\xff\x00": {ErrLimit, "max_pixels"},
	} {
		_, err := m.EmbedOne(ctx, Encoded([]byte(text)))
		refuses(t, err, want.status, want.words)
		if text == "DOTSpanic" && !strings.Contains(errors.Unwrap(err).Error(), "panic: no dots") {
			t.Errorf("got %v behind the error", errors.Unwrap(err))
		}
	}
	many := make([]Picture, 64) // over the library's threads
	for i := range many {
		many[i] = Encoded([]byte{'D', 'O', 'T', 'S', byte(1 + i%9), 8, byte(i % 2)})
	}
	found, err := m.Embed(ctx, many, nil)
	fatal(t, err)
	for i := range many { // pictures of one level are alike, whatever their size
		if !near1(found.Descriptor(i), found.Descriptor(i%2), 1e-6) {
			t.Errorf("picture %d: got %v, expected %v", i, found.Descriptor(i), found.Descriptor(i%2))
		}
	}
	// A searcher needs the decoder after the model was closed.
	x, err := NewIndex(&IndexOptions{Model: m})
	fatal(t, err)
	s, err := NewSearcher(m, x, nil)
	fatal(t, err)
	m.Close()
	fatal(t, s.Add(ctx, many[:2], nil, nil))
	fatal(t, s.Close())
	fatal(t, x.Close())
}

func TestDecodeImage(t *testing.T) {
	data, err := os.ReadFile(picturesOf(t, "ant")[0])
	fatal(t, err)
	img, err := DecodeImage(data)
	fatal(t, err)
	if img.Bounds().Empty() {
		t.Error("got an empty image")
	}
	if _, err := DecodeImage([]byte("nothing")); !errors.Is(err, image.ErrFormat) {
		t.Errorf("got %v", err)
	}
}

func TestRuntime(t *testing.T) {
	var lines []string
	rt, err := NewRuntime(&RuntimeOptions{Threads: 2, LogLevel: LogDebug, Log: func(level LogLevel, line string) {
		lines = append(lines, line)
		panic("dropped")
	}})
	fatal(t, err)
	m := toy(t, &ModelOptions{Runtime: rt})
	x, err := NewIndex(&IndexOptions{Model: m, Runtime: rt})
	fatal(t, err)
	rt.Close()
	if _, err := m.EmbedOne(ctx, File(picturesOf(t, "ant")[0])); err != nil { // the model keeps the runtime
		t.Error(err)
	}
	if len(lines) == 0 || lines[0] == "" {
		t.Errorf("got the log %q", lines)
	}
	fatal(t, x.Close())
	_, err = NewIndex(&IndexOptions{Dim: 3, Runtime: rt})
	refuses(t, err, ErrClosed, "")
	_, err = LoadModel("x", &ModelOptions{Runtime: rt})
	refuses(t, err, ErrClosed, "")
	_, err = NewRuntime(&RuntimeOptions{Threads: 1 << 40})
	refuses(t, err, ErrInvalidArgument, "threads")
	if cpu, err := CPU(); err != nil || cpu.Processors < 1 || cpu.ISA < Scalar || cpu.ISA.String() == "?" || AnyISA.String() != "any" {
		t.Errorf("got %+v, %v", cpu, err)
	}
	if Version() == "" || !strings.Contains(BuildInfo(), Version()) {
		t.Errorf("got version %q of %q", Version(), BuildInfo())
	}
}
