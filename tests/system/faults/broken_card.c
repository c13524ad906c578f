/* A sound card and a clock that can be broken while a program uses them: loaded into it with LD_PRELOAD.
 *
 * What is broken stands in a page of memory that the test shares through the file $BROKEN_CARD.
 */

#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* broken_card.py writes the same. */
static volatile struct {
    int32_t is_busy;       /* another program holds the card */
    int32_t overflows;     /* every so many looks at the card, it says that it lost audio; 0: never */
    int32_t close_hangs;   /* closing never returns */
    int32_t open_hangs;    /* opening does not, either */
    int32_t is_hanging;    /* written here: one of both was called, and hangs */
    int32_t clock_seconds; /* how far the time of day is off */
} *broken;

__attribute__((constructor)) static void share(void)
{
    int file = open(getenv("BROKEN_CARD"), O_RDWR);
    broken = mmap(NULL, sizeof *broken, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (broken == MAP_FAILED)
        abort();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void hang_while(volatile int32_t *is_asked_to)
{
    for (; *is_asked_to; pause())
        broken->is_hanging = 1;
}

int snd_pcm_open(snd_pcm_t **card, const char *name, snd_pcm_stream_t direction, int mode)
{
    hang_while(&broken->open_hangs);
    return broken->is_busy ? -EBUSY : REAL(snd_pcm_open)(card, name, direction, mode);
}

int snd_pcm_close(snd_pcm_t *card)
{
    hang_while(&broken->close_hangs);
    return REAL(snd_pcm_close)(card);
}

static __thread int looks, has_overflowed;

snd_pcm_sframes_t snd_pcm_avail_update(snd_pcm_t *card)
{
    if (broken->overflows && ++looks % broken->overflows == 0) {
        has_overflowed = 1;
        return -EPIPE;
    }
    return REAL(snd_pcm_avail_update)(card);
}

snd_pcm_state_t snd_pcm_status_get_state(const snd_pcm_status_t *status)
{
    snd_pcm_state_t state = has_overflowed ? SND_PCM_STATE_XRUN : REAL(snd_pcm_status_get_state)(status);
    has_overflowed = 0;
    return state;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static __typeof__(&clock_gettime) real;
    if (!real)
        real = REAL(clock_gettime);
    int failed = real(clock, now);
    if (clock == CLOCK_REALTIME && broken)
        now->tv_sec += broken->clock_seconds;
    return failed;
}
