/* SPDX-License-Identifier: MIT */
/* link: -lpng */
/* image_resize.c -- an image made smaller or larger, tile by tile
 *
 *     image_resize                            a picture of its own, see below
 *     image_resize IN.png OUT.png [WIDTH HEIGHT]      512 384 if not given
 *
 * SCOOP's example of the same name. The new image is cut into tiles; a task
 * makes one of them. It gets that part of the old image which its tile is made
 * of, so that no rank but the origin needs the file or memory for the whole.
 * A pixel of the new image is the mean of what it covers of the old one: each
 * old pixel counts by the area that is covered. All in whole numbers, so the
 * tiles fit together without a seam, and the result is the same bit for bit
 * as without tiles.
 *
 * Without arguments it draws a picture, writes it to a file, reads that, makes
 * it smaller, writes and reads that too, and tells what it has seen.
 */
#include <scoop.h>

#include <inttypes.h>
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TILE = 128, CHANNELS = 4, MOST = 1 << 15 };

/* Pixels from left to right, rows from top to bottom: red, green, blue and
 * opacity. */
struct image {
    uint32_t width, height;
    uint8_t *pixels;
};

/* What a task gets, before the pixels of the part [x, x + width) by
 * [y, y + height) of the old image. */
struct order {
    uint32_t old_width, old_height, new_width, new_height; /* whole images */
    uint32_t x, y, width, height;                          /* old pixels */
    uint32_t tile_x, tile_y, tile_width, tile_height;      /* new ones */
};

SCOOP_TASK_BYTES(resize_tile);

/* ---- Arithmetic ---- */

/* Along one axis new pixel i covers [i * olds, (i + 1) * olds) where old pixel
 * j covers [j * news, (j + 1) * news): lengths in units of which an old pixel
 * has `news` and a new one `olds`. */
static uint64_t covered(uint64_t i, uint64_t olds, uint64_t j, uint64_t news)
{
    uint64_t begin = i * olds, end = begin + olds;

    if (begin < j * news)
        begin = j * news;
    if (end > (j + 1) * news)
        end = (j + 1) * news;
    return end > begin ? end - begin : 0;
}

/* The old pixels [*first, *last] that new pixels [from, to) are made of. */
static void old_range(uint64_t from, uint64_t to, uint64_t olds, uint64_t news,
                      uint32_t *first, uint32_t *last)
{
    *first = (uint32_t)(from * olds / news);
    *last = (uint32_t)((to * olds - 1) / news);
}

/* One new pixel. What is see-through counts less for the colour. */
static void mix(const struct order *o, const uint8_t *old, uint32_t x,
                uint32_t y, uint8_t *pixel)
{
    uint64_t sum[CHANNELS] = {0}, area = (uint64_t)o->old_width * o->old_height;
    uint32_t left, right, top, bottom;

    old_range(x, x + 1, o->old_width, o->new_width, &left, &right);
    old_range(y, y + 1, o->old_height, o->new_height, &top, &bottom);
    for (uint32_t j = top; j <= bottom; j++)
        for (uint32_t i = left; i <= right; i++) {
            const uint8_t *from =
                old + ((size_t)(j - o->y) * o->width + (i - o->x)) * CHANNELS;
            uint64_t weight = covered(x, o->old_width, i, o->new_width) *
                              covered(y, o->old_height, j, o->new_height);
            sum[3] += weight * from[3];
            for (int c = 0; c < 3; c++)
                sum[c] += weight * from[3] * from[c];
        }
    for (int c = 0; c < 3; c++)
        pixel[c] = sum[3] ? (uint8_t)((sum[c] + sum[3] / 2) / sum[3]) : 0;
    pixel[3] = (uint8_t)((sum[3] + area / 2) / area);
}

static int resize_tile(const void *data, size_t len, scoop_out *out)
{
    const struct order *o = data;
    const uint8_t *old = (const uint8_t *)(o + 1);
    size_t row = (size_t)o->tile_width * CHANNELS;
    uint8_t *tile = scoop_out_extend(out, row * o->tile_height);

    (void)len;
    if (!tile)
        return scoop_fail(1, "no memory for %" PRIu32 " x %" PRIu32 " pixels",
                          o->tile_width, o->tile_height);
    for (uint32_t y = 0; y < o->tile_height; y++)
        for (uint32_t x = 0; x < o->tile_width; x++)
            mix(o, old, o->tile_x + x, o->tile_y + y,
                tile + y * row + (size_t)x * CHANNELS);
    return 0;
}

/* ---- Tiles ---- */

static struct order order_of(const struct image *old, const struct image *new,
                             uint32_t x, uint32_t y, uint32_t size)
{
    struct order o = {.old_width = old->width,
                      .old_height = old->height,
                      .new_width = new->width,
                      .new_height = new->height,
                      .tile_x = x,
                      .tile_y = y};
    uint32_t right, bottom;

    o.tile_width = new->width - x < size ? new->width - x : size;
    o.tile_height = new->height - y < size ? new->height - y : size;
    old_range(x, x + o.tile_width, old->width, new->width, &o.x, &right);
    old_range(y, y + o.tile_height, old->height, new->height, &o.y, &bottom);
    o.width = right - o.x + 1;
    o.height = bottom - o.y + 1;
    return o;
}

/* The order and the part of the old image that belongs to it. */
static scoop_future submit_tile(const struct image *old, struct order o)
{
    size_t row = (size_t)o.width * CHANNELS, len = sizeof o + row * o.height;
    uint8_t *message = malloc(len);

    if (message) {
        memcpy(message, &o, sizeof o);
        for (uint32_t y = 0; y < o.height; y++)
            memcpy(message + sizeof o + y * row,
                   old->pixels +
                       ((size_t)(o.y + y) * old->width + o.x) * CHANNELS,
                   row);
    }
    /* With NULL the future carries an error. */
    return scoop_submit(resize_tile, message, .len = len, .take = 1);
}

/* Puts a finished tile where it belongs. */
static int place_tile(struct image *new, struct order o, scoop_future f)
{
    size_t row = (size_t)o.tile_width * CHANNELS, len;
    const void *tile;
    int err = scoop_result_bytes(f, &tile, &len);

    if (err)
        return err;
    for (uint32_t y = 0; y < o.tile_height; y++)
        memcpy(new->pixels +
                   ((size_t)(o.tile_y + y) * new->width + o.tile_x) * CHANNELS,
               (const uint8_t *)tile + y * row, row);
    return scoop_release(f);
}

/* All pixels of `new`, whose size says how large it is to be. */
static int resize(const struct image *old, struct image *new, uint32_t size)
{
    uint32_t across = (new->width + size - 1) / size;
    uint32_t tiles = across * ((new->height + size - 1) / size);
    scoop_future *futures = calloc(tiles, sizeof *futures);
    int err = 0;

    if (!futures)
        return SCOOP_ENOMEM;
    for (uint32_t t = 0; t < tiles; t++)
        futures[t] = submit_tile(old, order_of(old, new, t % across * size,
                                               t / across * size, size));
    for (uint32_t t = 0; t < tiles && !err; t++)
        err = place_tile(new,
                         order_of(old, new, t % across * size,
                                  t / across * size, size),
                         futures[t]);
    free(futures); /* the futures themselves go when this task returns */
    return err;
}

/* ---- Images ---- */

static bool new_image(struct image *image, uint32_t width, uint32_t height)
{
    *image = (struct image){.width = width, .height = height};
    image->pixels = malloc((size_t)width * height * CHANNELS);
    return image->pixels;
}

static bool read_png(const char *name, struct image *image)
{
    png_image png = {.version = PNG_IMAGE_VERSION};
    bool is_read = false;

    image->pixels = NULL;
    if (png_image_begin_read_from_file(&png, name)) {
        png.format = PNG_FORMAT_RGBA;
        if (png.width <= MOST && png.height <= MOST &&
            new_image(image, png.width, png.height))
            is_read = png_image_finish_read(&png, NULL, image->pixels, 0, NULL);
    }
    if (!is_read)
        fprintf(stderr, "image_resize: %s: %s\n", name,
                png.message[0] ? png.message : "too large");
    png_image_free(&png);
    return is_read;
}

static bool write_png(const char *name, const struct image *image)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = image->width,
                     .height = image->height,
                     .format = PNG_FORMAT_RGBA};

    if (png_image_write_to_file(&png, name, 0, image->pixels, 0, NULL))
        return true;
    fprintf(stderr, "image_resize: %s: %s\n", name, png.message);
    return false;
}

/* Rings on a slope of colours, see-through towards the lower right. */
static void draw(struct image *image)
{
    for (uint32_t y = 0; y < image->height; y++)
        for (uint32_t x = 0; x < image->width; x++) {
            uint8_t *p = image->pixels + ((size_t)y * image->width + x) * 4;
            int64_t dx = (int64_t)x - image->width / 3;
            int64_t dy = (int64_t)y - image->height / 2;
            bool is_ring = (dx * dx + dy * dy) / 2500 % 2;
            p[0] = (uint8_t)(255 * x / image->width);
            p[1] = (uint8_t)(255 * y / image->height);
            p[2] = is_ring ? 220 : 40;
            p[3] =
                (uint8_t)(255 - 127 * (x + y) / (image->width + image->height));
        }
}

/* FNV-1a, to tell images apart in a line of text. */
static uint64_t checksum(const struct image *image)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < (size_t)image->width * image->height * 4; i++)
        sum = (sum ^ image->pixels[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void tell(const char *what, const struct image *image)
{
    printf("%s: %" PRIu32 " x %" PRIu32 " pixels, checksum %016" PRIx64 "\n",
           what, image->width, image->height, checksum(image));
}

/* ---- What is done ---- */

static int resize_file(const char *in, const char *out, uint32_t width,
                       uint32_t height)
{
    struct image old, new = {0};
    int err = EXIT_FAILURE;

    if (read_png(in, &old)) {
        tell("read", &old);
        if (!new_image(&new, width, height))
            perror("image_resize");
        else if (resize(&old, &new, TILE))
            scoop_perror("resize_tile");
        else if (write_png(out, &new))
            err = 0;
    }
    if (!err)
        tell("written", &new);
    free(old.pixels);
    free(new.pixels);
    return err;
}

/* The picture of our own, through files, and once more without tiles. */
static int show(char *directory)
{
    struct image drawn, whole = {0}, back = {0};
    char in[64], out[64];
    int err = EXIT_FAILURE;

    snprintf(in, sizeof in, "%s/drawn.png", directory);
    snprintf(out, sizeof out, "%s/resized.png", directory);
    if (new_image(&drawn, 1000, 750) && new_image(&whole, 512, 384)) {
        draw(&drawn);
        if (write_png(in, &drawn) && !resize_file(in, out, 512, 384) &&
            read_png(out, &back)) {
            if (resize(&drawn, &whole, MOST))
                return scoop_perror("resize_tile");
            tell("in one piece", &whole);
            err = checksum(&whole) != checksum(&back);
        }
    }
    unlink(in);
    unlink(out);
    free(drawn.pixels);
    free(whole.pixels);
    free(back.pixels);
    return err;
}

static int root(int argc, char **argv)
{
    unsigned long width = argc > 4 ? strtoul(argv[3], NULL, 10) : 512;
    unsigned long height = argc > 4 ? strtoul(argv[4], NULL, 10) : 384;
    char directory[] = "/tmp/image_resize.XXXXXX";
    int err;

    if (argc == 1) {
        if (!mkdtemp(directory)) {
            perror(directory);
            return EXIT_FAILURE;
        }
        err = show(directory);
        rmdir(directory);
        return err;
    }
    if ((argc != 3 && argc != 5) || !width || width > MOST || !height ||
        height > MOST) {
        fprintf(stderr,
                "usage: image_resize [IN.png OUT.png [WIDTH HEIGHT]]\n"
                "       width and height from 1 to %d\n",
                MOST);
        return 2;
    }
    return resize_file(argv[1], argv[2], (uint32_t)width, (uint32_t)height);
}

int main(int argc, char **argv)
{
    return scoop_main(argc, argv, root);
}
