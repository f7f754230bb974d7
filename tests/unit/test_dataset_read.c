/* test_dataset_read.c - the lists of data sets: what is read, what is refused and why, damage, no memory. */
#include <errno.h>
#include <sys/stat.h>

#include "support.h"

#include "dataset/dataset_read.h"

static test_heap heap;
static rtvi_env env;
static rtv_error error;

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_env_destroy(&env);
    return 0;
}

static rtvi_dataset *parse(const char *name, const char *text, int32_t format) {
    rtvi_dataset *d = NULL;
    if (rtvi_dataset_parse(&env, name, text, strlen(text), format, &d, &error) != RTV_OK) fail_msg("%s", error.message);
    return d;
}

static void refuse(const char *text, int32_t format, int32_t status, const char *why) {
    rtvi_dataset *d = NULL;
    assert_int_equal(rtvi_dataset_parse(&env, "list.txt", text, strlen(text), format, &d, &error), status);
    assert_null(d);
    assert_contains(error.message, why);
    assert_true(strlen(error.message) < 200);
    assert_int_equal(heap.live, 0);
}

static rtv_dataset_entry entry(const rtvi_dataset *d, int64_t index) {
    rtv_dataset_entry e;
    assert_true(rtvi_dataset_entry(d, index, &e));
    return e;
}

static void expect_entry(const rtvi_dataset *d, int64_t index, const char *path, const char *class_name, int32_t split, int32_t listed) {
    const rtv_dataset_entry e = entry(d, index);
    assert_string_equal(e.path, path);
    if (class_name)
        assert_string_equal(rtvi_dataset_class_name(d, e.class_id), class_name);
    else
        assert_int_equal(e.class_id, -1);
    assert_int_equal(e.split, split);
    assert_int_equal(e.listed_split, listed);
}

/* Every prefix is read or refused, and every failing allocation is told. */
static void break_it(const char *name, const void *data, size_t size, int32_t format) {
    int32_t status = RTV_E_OUT_OF_MEMORY;
    for (size_t length = 0; length < size; length++) {
        uint8_t *copy = malloc(length + 1); /* the end is where ASan sees it */
        rtvi_dataset *d = NULL;
        memcpy(copy, data, length);
        status = rtvi_dataset_parse(&env, name, copy, length, format, &d, &error);
        assert_true(status == RTV_OK || status == RTV_E_FORMAT);
        rtvi_dataset_destroy(d);
        free(copy);
    }
    status = RTV_E_OUT_OF_MEMORY;
    for (long n = 1; status != RTV_OK; n++) {
        rtvi_dataset *d = NULL;
        heap.fail_at = heap.calls + n;
        status = rtvi_dataset_parse(&env, name, data, size, format, &d, &error);
        heap.fail_at = 0;
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        rtvi_dataset_destroy(d);
        assert_int_equal(heap.live, 0);
        assert_true(n < 1000);
    }
}

/* --- Stanford Online Products ------------------------------------------------------------------------------------------------------- */

static const char sop[] =
    "image_id class_id super_class_id path\r\n1 1 1 bicycle_final/111085122871_0.JPG\r\n2 1 1 bicycle_final/1 1.JPG\r\n\r\n"
    "59552 11319 1 chair_final/2.JPG";

static void online_products(void **state) {
    rtvi_dataset *d = parse("Ebay_test.txt", sop, RTV_DATASET_SOP);
    rtv_dataset_info info;
    rtv_dataset_entry e;
    (void)state;
    rtvi_dataset_info(d, &info);
    assert_int_equal(info.count, 3);
    assert_int_equal(info.num_classes, 2);
    assert_int_equal(info.splits[RTV_SPLIT_TEST], 3);
    expect_entry(d, 0, "bicycle_final/111085122871_0.JPG", "1", RTV_SPLIT_TEST, RTV_SPLIT_TEST);
    expect_entry(d, 1, "bicycle_final/1 1.JPG", "1", RTV_SPLIT_TEST, RTV_SPLIT_TEST);
    expect_entry(d, 2, "chair_final/2.JPG", "11319", RTV_SPLIT_TEST, RTV_SPLIT_TEST);
    assert_false(rtvi_dataset_entry(d, 3, &e));
    assert_false(rtvi_dataset_entry(d, -1, &e));
    assert_null(rtvi_dataset_class_name(d, 2));
    assert_null(rtvi_dataset_class_name(d, -1));
    rtvi_dataset_destroy(d);
    d = parse("Ebay_train.txt", "\xEF\xBB\xBFimage_id class_id super_class_id path\n1 1 1 a.jpg\n", RTV_DATASET_SOP);
    expect_entry(d, 0, "a.jpg", "1", RTV_SPLIT_TRAIN, RTV_SPLIT_TRAIN);
    rtvi_dataset_destroy(d);
    d = parse("Ebay_info.txt", "image_id class_id super_class_id path\n", RTV_DATASET_SOP);
    rtvi_dataset_info(d, &info);
    assert_int_equal(info.count + info.num_classes, 0);
    rtvi_dataset_destroy(d);
    refuse("", RTV_DATASET_SOP, RTV_E_FORMAT, "header");
    refuse("1 1 1 a.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "header");
#define SOP "image_id class_id super_class_id path\n"
    refuse(SOP "1 1 x a.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "list.txt, line 2: got \"1 1 x a.jpg\"");
    refuse(SOP "1 1 1\n", RTV_DATASET_SOP, RTV_E_FORMAT, "a path");
    refuse(SOP "1 1\n", RTV_DATASET_SOP, RTV_E_FORMAT, "image_id class_id");
    refuse(SOP "1 -1 1 a.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "image_id class_id");
    refuse(SOP "1 99999999999999999999 1 a.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "image_id class_id");
    refuse(SOP "1 1 1 /etc/passwd\n", RTV_DATASET_SOP, RTV_E_FORMAT, "leave its folder");
    refuse(SOP "1 1 1 ..\n", RTV_DATASET_SOP, RTV_E_FORMAT, "leave its folder");
    refuse(SOP "1 1 1 a/../../b.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "leave its folder");
    refuse(SOP "1 1 1 a\x01.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "UTF-8");
    refuse(SOP "1 1 1 a\xff.jpg\n", RTV_DATASET_SOP, RTV_E_FORMAT, "UTF-8");
    break_it("Ebay_test.txt", sop, sizeof sop - 1, RTV_DATASET_SOP);
}

/* --- In-shop ------------------------------------------------------------------------------------------------------------------------ */

static const char inshop[] =
    "4\nimage_name item_id evaluation_status\n"
    "img/WOMEN/Dresses/id_00000002/02_1_front.jpg      id_00000002 train\n"
    "img/WOMEN/Dresses/id_00000001/02_1_front.jpg      id_00000001 query   \n"
    "img/MEN/Denim/id_00000001/02_2_side.jpg\tid_00000001 gallery\n"
    "img/MEN/Denim/id_00000003/02_2_side.jpg id_00000003 gallery";

static void in_shop(void **state) {
    rtvi_dataset *d = parse("list_eval_partition.txt", inshop, RTV_DATASET_INSHOP);
    rtv_dataset_info info;
    (void)state;
    rtvi_dataset_info(d, &info);
    assert_int_equal(info.count, 4);
    assert_int_equal(info.num_classes, 3);
    assert_int_equal(info.splits[RTV_SPLIT_GALLERY], 2);
    expect_entry(d, 0, "img/WOMEN/Dresses/id_00000002/02_1_front.jpg", "id_00000002", RTV_SPLIT_TRAIN, RTV_SPLIT_TRAIN);
    expect_entry(d, 1, "img/WOMEN/Dresses/id_00000001/02_1_front.jpg", "id_00000001", RTV_SPLIT_QUERY, RTV_SPLIT_QUERY);
    expect_entry(d, 2, "img/MEN/Denim/id_00000001/02_2_side.jpg", "id_00000001", RTV_SPLIT_GALLERY, RTV_SPLIT_GALLERY);
    assert_int_equal(entry(d, 1).class_id, 0); /* by the sorted order of the names */
    rtvi_dataset_destroy(d);
    refuse("", RTV_DATASET_INSHOP, RTV_E_FORMAT, "the number of pictures");
    refuse("99999999999\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "the number of pictures");
    refuse("1\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "header");
#define SHOP "2\nimage_name item_id evaluation_status\n"
    refuse(SHOP "a.jpg 1 query\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "got 1 pictures, expected 2");
    refuse(SHOP "a.jpg 1 test\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "train, query or gallery");
    refuse(SHOP "a.jpg 1\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "image_name");
    refuse(SHOP "a.jpg 1 query more\n", RTV_DATASET_INSHOP, RTV_E_FORMAT, "image_name");
    break_it("list_eval_partition.txt", inshop, sizeof inshop - 1, RTV_DATASET_INSHOP);
}

/* --- CSV ---------------------------------------------------------------------------------------------------------------------------- */

static const char csv[] = "id,class,path,split\n1,cat,a.jpg,train\r\n2,\"dog, \"\"big\"\"\",\"/data/b c.jpg\",\n\n3,,../d.jpg,gallery";

static void comma_separated(void **state) {
    rtvi_dataset *d = parse("my.csv", csv, RTV_DATASET_CSV);
    (void)state;
    expect_entry(d, 0, "a.jpg", "cat", RTV_SPLIT_TRAIN, RTV_SPLIT_TRAIN);
    expect_entry(d, 1, "/data/b c.jpg", "dog, \"big\"", RTV_SPLIT_NONE, RTV_SPLIT_NONE);
    expect_entry(d, 2, "../d.jpg", NULL, RTV_SPLIT_GALLERY, RTV_SPLIT_GALLERY);
    rtvi_dataset_destroy(d);
    d = parse("my.csv", "\"path\"\nq.png\n", RTV_DATASET_CSV);
    expect_entry(d, 0, "q.png", NULL, RTV_SPLIT_NONE, RTV_SPLIT_NONE);
    rtvi_dataset_destroy(d);
    refuse("", RTV_DATASET_CSV, RTV_E_FORMAT, "column \"path\"");
    refuse("file,class\na.jpg,1\n", RTV_DATASET_CSV, RTV_E_FORMAT, "column \"path\"");
    refuse("path,class\na.jpg\n", RTV_DATASET_CSV, RTV_E_FORMAT, "line 2: got \"a.jpg\", expected as many fields");
    refuse("path\na.jpg,\n", RTV_DATASET_CSV, RTV_E_FORMAT, "as many fields");
    refuse("path,class\n,1\n", RTV_DATASET_CSV, RTV_E_FORMAT, "a path");
    refuse("path,split\na.jpg,dev\n", RTV_DATASET_CSV, RTV_E_FORMAT, "train, test, query, gallery");
    refuse("path\n\"a.jpg\n", RTV_DATASET_CSV, RTV_E_FORMAT, "quotes that end");
    refuse("path\n\"a\"b.jpg\n", RTV_DATASET_CSV, RTV_E_FORMAT, "quotes that end");
    break_it("my.csv", csv, sizeof csv - 1, RTV_DATASET_CSV);
}

/* --- CUB ---------------------------------------------------------------------------------------------------------------------------- */

typedef struct cub_file {
    const char *name, *text;
} cub_file;

static const cub_file cub[] = {{"images.txt", "1 001.Albatross/a_0046.jpg\n2 001.Albatross/b.jpg\n5 002.Auk/c d.jpg\n"},
                               {"image_class_labels.txt", "1 1\n2 1\n5 2\n"},
                               {"classes.txt", "1 001.Albatross\n2 002.Auk\n"},
                               {"train_test_split.txt", "1 0\n2 1\n5 1\n"},
                               {"bounding_boxes.txt", "1 60.0 27.0 325.0 304.0\n2 139.0 30.5 153.0 264.0\n5 14.0 112 388.0 186.25\n"}};
enum { CUB_FILES = 5 };

static void cub_write(const char *folder, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    test_write_file(path, text, strlen(text));
}

static void cub_remove(const char *folder, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void cub_refuse(const char *folder, int file, const char *text, const char *why) {
    rtvi_dataset *d = NULL;
    cub_write(folder, cub[file].name, text);
    assert_int_equal(rtvi_dataset_read(&env, folder, RTV_DATASET_CUB, &d, &error), RTV_E_FORMAT);
    assert_null(d);
    assert_contains(error.message, why);
    cub_write(folder, cub[file].name, cub[file].text);
    assert_int_equal(heap.live, 0);
}

static void birds(void **state) {
    char folder[64], path[128];
    rtvi_dataset *d = NULL;
    rtv_dataset_entry e;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    test_folder_make(folder);
    for (int i = 0; i < CUB_FILES; i++) cub_write(folder, cub[i].name, cub[i].text);
    snprintf(path, sizeof path, "%s/images.txt", folder);
    assert_int_equal(rtvi_dataset_read(&env, path, RTV_DATASET_CUB, &d, &error), RTV_OK); /* the file stands for its folder */
    rtvi_dataset_destroy(d);
    assert_int_equal(rtvi_dataset_read(&env, folder, RTV_DATASET_CUB, &d, &error), RTV_OK);
    expect_entry(d, 0, "images/001.Albatross/a_0046.jpg", "001.Albatross", RTV_SPLIT_TRAIN, RTV_SPLIT_TEST);
    expect_entry(d, 1, "images/001.Albatross/b.jpg", "001.Albatross", RTV_SPLIT_TRAIN, RTV_SPLIT_TRAIN);
    expect_entry(d, 2, "images/002.Auk/c d.jpg", "002.Auk", RTV_SPLIT_TEST, RTV_SPLIT_TRAIN);
    e = entry(d, 1);
    assert_true(e.has_box == 1 && e.box[0] == 139 && e.box[1] == 30.5 && e.box[2] == 153 && e.box[3] == 264);
    assert_true(entry(d, 2).box[1] == 112 && entry(d, 2).box[3] == 186.25);
    rtvi_dataset_destroy(d);
    for (long n = 1; status != RTV_OK; n++) {
        d = NULL;
        heap.fail_at = heap.calls + n;
        status = rtvi_dataset_read(&env, folder, RTV_DATASET_CUB, &d, &error);
        heap.fail_at = 0;
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        rtvi_dataset_destroy(d);
        assert_int_equal(heap.live, 0);
    }
    cub_refuse(folder, 0, "1 a.jpg\n1 b.jpg\n", "ascending");
    cub_refuse(folder, 0, "1 ../a.jpg\n", "leave its folder");
    cub_refuse(folder, 0, "1\n", "images.txt, line 1: got \"1\"");
    cub_refuse(folder, 0, "x a.jpg\n", "a number");
    cub_refuse(folder, 1, "1 1\n2 1\n", "a class for every picture");
    cub_refuse(folder, 1, "1 1\n2 1\n5 two\n", "a class for every picture");
    cub_refuse(folder, 4, "1 60.0 27.0 325.0\n", "left, top, width and height");
    cub_refuse(folder, 4, "1 60.0 27.0 325.0 1e5\n", "left, top, width and height");
    for (int i = 2; i < CUB_FILES; i++) cub_remove(folder, cub[i].name); /* these are not needed */
    assert_int_equal(rtvi_dataset_read(&env, folder, RTV_DATASET_CUB, &d, &error), RTV_OK);
    expect_entry(d, 2, "images/002.Auk/c d.jpg", "2", RTV_SPLIT_TEST, RTV_SPLIT_NONE);
    assert_int_equal(entry(d, 2).has_box, 0);
    rtvi_dataset_destroy(d);
    cub_remove(folder, cub[1].name);
    assert_int_equal(rtvi_dataset_read(&env, folder, RTV_DATASET_CUB, &d, &error), RTV_E_IO);
    assert_int_equal(error.os_error, ENOENT);
    assert_contains(error.message, "image_class_labels.txt");
    test_folder_remove(folder);
    assert_int_equal(heap.live, 0);
}

/* --- Cars-196 ----------------------------------------------------------------------------------------------------------------------- */

static void expect_cars(const rtvi_dataset *d) {
    rtv_dataset_info info;
    rtv_dataset_entry e;
    rtvi_dataset_info(d, &info);
    assert_int_equal(info.count, 7);
    assert_int_equal(info.num_classes, 4);
    assert_int_equal(info.splits[RTV_SPLIT_TRAIN], 3);
    expect_entry(d, 0, "car_ims/000001.jpg", "AM General Hummer SUV 2000", RTV_SPLIT_TRAIN, RTV_SPLIT_TRAIN);
    expect_entry(d, 1, "car_ims/000002.jpg", "AM General Hummer SUV 2000", RTV_SPLIT_TRAIN, RTV_SPLIT_TEST);
    expect_entry(d, 3, "car_ims/000004.jpg", "smart fortwo Convertible 2012", RTV_SPLIT_TEST, RTV_SPLIT_TEST);
    expect_entry(d, 6, "car_ims/7.jpg", "Fisker", RTV_SPLIT_TEST, RTV_SPLIT_TEST);
    e = entry(d, 0);
    assert_true(e.has_box == 1 && e.box[0] == 111 && e.box[1] == 6 && e.box[2] == 742 && e.box[3] == 711);
    assert_true(entry(d, 6).box[2] == 70000);
}

static void cars(void **state) {
    static const char *const names[] = {"dataset/cars_annos.mat", "dataset/cars_plain.mat"};
    rtvi_dataset *d = NULL;
    size_t size;
    uint8_t *data;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rtvi_dataset_read(&env, test_golden(names[i]), RTV_DATASET_CARS, &d, &error), RTV_OK);
        expect_cars(d);
        rtvi_dataset_destroy(d);
        data = test_read_file(test_golden(names[i]), &size);
        break_it("cars_annos.mat", data, size, RTV_DATASET_CARS);
        free(data);
    }
    assert_int_equal(rtvi_dataset_read(&env, test_golden("dataset/cars_doubles.mat"), RTV_DATASET_CARS, &d, &error), RTV_OK);
    expect_entry(d, 0, "car_ims/000001.jpg", "AM General Hummer SUV 2000", RTV_SPLIT_TRAIN, RTV_SPLIT_NONE);
    assert_true(entry(d, 0).box[0] == 111.5);
    rtvi_dataset_destroy(d);
    refuse("MATLAB", RTV_DATASET_CARS, RTV_E_FORMAT, "expected a MAT-file");
    refuse("image_id class_id super_class_id path\n", RTV_DATASET_CARS, RTV_E_FORMAT, "expected a MAT-file");
}

/* Other versions and byte orders, foreign contents. */
static void other_mats(void **state) {
    rtvi_dataset *d = NULL;
    size_t size;
    uint8_t *data = test_read_file(test_golden("dataset/cars_plain.mat"), &size);
    (void)state;
    data[126] = 'M'; /* big-endian writes the letters the other way round */
    data[127] = 'I';
    assert_int_equal(rtvi_dataset_parse(&env, "x.mat", data, size, RTV_DATASET_CARS, &d, &error), RTV_E_UNSUPPORTED);
    data[126] = 'I';
    data[127] = 'M';
    assert_int_equal(rtvi_dataset_parse(&env, "x.mat", data, 128, RTV_DATASET_CARS, &d, &error), RTV_E_FORMAT);
    assert_contains(error.message, "no struct \"annotations\"");
    free(data);
    assert_int_equal(heap.live, 0);
}

/* Every byte of an unpacked file turned into every one of some others: read or refused, never a crash. */
static void flipped_bytes(void **state) {
    static const uint8_t masks[] = {0xff, 0x01, 0x80, 0x0e};
    size_t size;
    uint8_t *data = test_read_file(test_golden("dataset/cars_plain.mat"), &size);
    size_t refused = 0;
    (void)state;
    for (size_t i = 0; i < size; i++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            rtvi_dataset *d = NULL;
            int32_t status;
            data[i] ^= masks[m];
            status = rtvi_dataset_parse(&env, "x.mat", data, size, RTV_DATASET_CARS, &d, &error);
            data[i] ^= masks[m];
            assert_true(status == RTV_OK || status == RTV_E_FORMAT || status == RTV_E_UNSUPPORTED || status == RTV_E_LIMIT);
            refused += status != RTV_OK;
            rtvi_dataset_destroy(d);
            assert_int_equal(heap.live, 0);
        }
    }
    assert_true(refused > size / 2);
    free(data);
}

static void reading(void **state) {
    rtvi_dataset *d = NULL;
    (void)state;
    assert_int_equal(rtvi_dataset_read(&env, "x", 0, &d, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_dataset_read(&env, "x", 6, &d, &error), RTV_E_INVALID_ARGUMENT);
    for (int32_t format = RTV_DATASET_SOP; format <= RTV_DATASET_CSV; format++) {
        assert_int_equal(rtvi_dataset_read(&env, "no/such/file", format, &d, &error), RTV_E_IO);
        assert_int_equal(error.os_error, ENOENT);
    }
    assert_int_equal(rtvi_dataset_read(&env, ".", RTV_DATASET_CSV, &d, &error), RTV_E_IO);
    assert_int_equal(error.os_error, EISDIR);
    assert_null(d);
    assert_int_equal(heap.live, 0);
}

static void too_large(void **state) {
    rtvi_dataset *d = NULL;
    (void)state;
    test_write_file("large.csv", "path\n", 5);
    assert_int_equal(truncate("large.csv", (off_t)RTVI_DATASET_MAX_BYTES + 1), 0); /* a hole: takes no space */
    assert_int_equal(rtvi_dataset_read(&env, "large.csv", RTV_DATASET_CSV, &d, &error), RTV_E_LIMIT);
    assert_int_equal(unlink("large.csv"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(online_products), cmocka_unit_test(in_shop), cmocka_unit_test(comma_separated),
        cmocka_unit_test(birds),           cmocka_unit_test(cars),    cmocka_unit_test(other_mats),
        cmocka_unit_test(flipped_bytes),   cmocka_unit_test(reading), cmocka_unit_test(too_large),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
