package retrieve

// #include "shim.h"
import "C"

// Resize says how a picture gets to the size of the network's input.
type Resize int32

const (
	Squash     Resize = C.RTV_RESIZE_SQUASH - C.RTV_RESIZE_SQUASH
	CenterCrop Resize = C.RTV_RESIZE_CENTER_CROP - C.RTV_RESIZE_SQUASH
	Letterbox  Resize = C.RTV_RESIZE_LETTERBOX - C.RTV_RESIZE_SQUASH
)

// ImportOptions are what a checkpoint does not say about its network.
type ImportOptions struct {
	Architecture            string // "cgd_resnet" or "resnet_classifier"; empty: told from the names of the tensors
	Descriptors             string // letters of the branches of a CGD network, S (SPoC), M (MAC), G (GeM), in order; empty: "SG"
	InputWidth, InputHeight int    // 0: 224
	Layer3Stride            int    // stride of the third stage; 0: that of the architecture
	Resize                  Resize
	ResizeShorter           int         // CenterCrop: the shorter side before the crop; 0: 256/224 of the input's
	LetterboxValue          *uint8      // Letterbox: the gray around the picture; nil: 114
	ApplyEXIF               bool        // turn pictures by their EXIF orientation
	FastDecode              bool        // let the JPEG decoder shrink large pictures: no longer the bits of Pillow
	Mean, Std               *[3]float32 // of R, G, B; nil: ImageNet's
	StoreFloat16            bool        // Save rounds float weights to float16
	Name                    string
	ClassNames              []string // of the classifier, one for each class
}

// ImportModel makes a model from trained weights: a PyTorch state_dict (.pth; no code in it is ever run) or safetensors.
func ImportModel(path string, how *ImportOptions, options *ModelOptions) (*Model, error) {
	if err := how.check(); err != nil {
		return nil, err
	}
	return makeModel(path, options, func(m *memory, rt *C.rtv_runtime, o *C.rtv_model_options, model **C.rtv_model, e *C.rtv_error) {
		C.rtv_model_import(m.text(path), m.importOptions(how), rt, o, model, e)
	})
}

// ImportModelBytes makes a model from what is in a checkpoint.
func ImportModelBytes(data []byte, how *ImportOptions, options *ModelOptions) (*Model, error) {
	if err := how.check(); err != nil {
		return nil, err
	}
	return makeModel("", options, func(m *memory, rt *C.rtv_runtime, o *C.rtv_model_options, model **C.rtv_model, e *C.rtv_error) {
		C.rtv_model_import_bytes(dataOf(data), C.uint64_t(len(data)), m.importOptions(how), rt, o, model, e)
	})
}

func (how *ImportOptions) check() error {
	if how == nil {
		return nil
	}
	return whole("import options", append([]string{how.Architecture, how.Descriptors, how.Name}, how.ClassNames...)...)
}

func (m *memory) importOptions(how *ImportOptions) *C.rtv_import_options {
	if how == nil {
		return nil
	}
	o := new(C.rtv_import_options)
	C.rtv_import_options_init_sized(o, C.sizeof_rtv_import_options)
	o.architecture, o.descriptors, o.name = m.optional(how.Architecture), m.optional(how.Descriptors), m.optional(how.Name)
	for to, value := range map[*C.int32_t]int{
		&o.input_width: how.InputWidth, &o.input_height: how.InputHeight, &o.layer3_stride: how.Layer3Stride, &o.resize_shorter: how.ResizeShorter,
	} {
		if value != 0 {
			*to = clamp(value)
		}
	}
	o.resize = C.int32_t(how.Resize + C.RTV_RESIZE_SQUASH)
	if how.LetterboxValue != nil {
		o.letterbox_value = C.int32_t(*how.LetterboxValue)
	}
	o.apply_exif, o.fast_decode = toInt(how.ApplyEXIF), toInt(how.FastDecode)
	setThree(&o.mean, how.Mean)
	setThree(&o.std, how.Std)
	if how.StoreFloat16 {
		o.store = C.RTV_STORE_FLOAT16
	}
	if len(how.ClassNames) > 0 {
		o.class_names, o.num_class_names = m.texts(how.ClassNames), C.int64_t(len(how.ClassNames))
	}
	return o
}

func setThree(to *[3]C.float, values *[3]float32) {
	if values == nil {
		return
	}
	for i, value := range values {
		to[i] = C.float(value)
	}
}
