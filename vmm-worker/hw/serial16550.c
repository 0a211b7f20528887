/*
 * vmm-worker/hw/serial16550.c - a 16550A UART
 *
 * After the National PC16550D datasheet, with an infinitely fast transmitter: a
 * written character is in the console's ring before the write returns, so THRE
 * and TEMT always read as 1 and output never blocks. Input flows from the console
 * into the receiver FIFO as the guest makes room, so nothing is ever overrun. The
 * character timeout comes at once, as no more characters can be on the wire.
 *
 * Each register is one line of `registers`, for either state of DLAB.
 */
#include "vmm-worker/hw/hw.h"
#include "vmm-worker/machine.h"

#define COM1_PORT 0x3f8
#define FIFO_SIZE 16

#define IER_RDI 0x01  /* received data */
#define IER_THRI 0x02 /* transmitter empty */
#define IER_RLSI 0x04 /* line status */
#define IER_MSI 0x08  /* modem status */
#define IER_BITS 0x0f

#define IIR_NONE 0x01
#define IIR_MSI 0x00
#define IIR_THRI 0x02
#define IIR_RDI 0x04
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO 0xc0

#define FCR_ENABLE 0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04
#define FCR_KEPT 0xc9 /* enable, DMA mode, trigger level */

#define LCR_DLAB 0x80

#define MCR_DTR 0x01
#define MCR_RTS 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10
#define MCR_BITS 0x1f

#define LSR_DR 0x01
#define LSR_OE 0x02
#define LSR_IDLE 0x60 /* THRE and TEMT */

#define MSR_CTS 0x10
#define MSR_DSR 0x20
#define MSR_RI 0x40
#define MSR_DCD 0x80
#define MSR_LINES (MSR_CTS | MSR_DSR | MSR_RI | MSR_DCD)
#define MSR_TERI 0x04 /* trailing edge of RI */

struct serial {
	struct device dev;
	uint8_t ier, lcr, mcr, fcr, scr, dll, dlm;
	uint8_t lsr_errors; /* LSR_OE, until read */
	uint8_t msr;	    /* lines and deltas */
	bool thr_pending;   /* "transmitter empty" not yet seen by the guest */
	uint8_t fifo[FIFO_SIZE];
	uint8_t fifo_at, fifo_len;
	bool line; /* level that the interrupt line has */
};

static size_t fifo_room(const struct serial *s)
{
	size_t size = s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;

	return s->fifo_len < size ? size - s->fifo_len : 0;
}

static void fifo_put(struct serial *s, uint8_t byte)
{
	if (!fifo_room(s)) {
		s->lsr_errors |= LSR_OE;
		return;
	}
	s->fifo[(s->fifo_at + s->fifo_len) % FIFO_SIZE] = byte;
	s->fifo_len++;
}

/* Take what the console has, as far as there is room; not while looped back. */
static void fifo_refill(struct serial *s)
{
	uint8_t bytes[FIFO_SIZE];
	size_t n = 0;

	if (!(s->mcr & MCR_LOOP))
		n = console_input_take(s->dev.machine->console, bytes, fifo_room(s));
	for (size_t i = 0; i < n; i++)
		fifo_put(s, bytes[i]);
}

static void fifo_clear(struct serial *s)
{
	s->fifo_at = 0;
	s->fifo_len = 0;
}

static unsigned trigger_level(const struct serial *s)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* The highest pending interrupt that is enabled (PC16550D table IV). */
static uint8_t iir_source(const struct serial *s)
{
	if ((s->ier & IER_RLSI) && s->lsr_errors)
		return 0x06;
	if ((s->ier & IER_RDI) && s->fifo_len)
		return s->fifo_len >= trigger_level(s) ? IIR_RDI : IIR_TIMEOUT;
	if ((s->ier & IER_THRI) && s->thr_pending)
		return IIR_THRI;
	if ((s->ier & IER_MSI) && (s->msr & ~MSR_LINES))
		return IIR_MSI;
	return IIR_NONE;
}

static void update_line(struct serial *s)
{
	bool level = iir_source(s) != IIR_NONE;

	if (level != s->line)
		irq_line(s->dev.machine, IRQ_GSI_COM1, level);
	s->line = level;
}

/* Modem lines: a connected terminal, or our own outputs when looped back. */
static void update_modem(struct serial *s)
{
	uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;

	if (s->mcr & MCR_LOOP)
		lines = (uint8_t)((s->mcr & MCR_RTS ? MSR_CTS : 0) |
				  (s->mcr & MCR_DTR ? MSR_DSR : 0) |
				  (s->mcr & MCR_OUT1 ? MSR_RI : 0) |
				  (s->mcr & MCR_OUT2 ? MSR_DCD : 0));

	uint8_t changed = (s->msr ^ lines) & MSR_LINES;
	uint8_t deltas = (changed >> 4) & ~MSR_TERI;

	if ((changed & MSR_RI) && !(lines & MSR_RI))
		deltas |= MSR_TERI;
	s->msr = (uint8_t)((s->msr & ~MSR_LINES) | lines | deltas);
}

static uint8_t rbr_read(struct serial *s)
{
	uint8_t byte = s->fifo[s->fifo_at];

	if (s->fifo_len) {
		s->fifo_at = (uint8_t)((s->fifo_at + 1) % FIFO_SIZE);
		s->fifo_len--;
	}
	fifo_refill(s);
	return byte;
}

static void thr_write(struct serial *s, uint8_t byte)
{
	/* The line falls and rises again, for edge-triggered pins. */
	s->thr_pending = false;
	update_line(s);
	if (s->mcr & MCR_LOOP)
		fifo_put(s, byte);
	else
		console_output(s->dev.machine->console, &byte, 1);
	s->thr_pending = true;
}

static uint8_t ier_read(struct serial *s)
{
	return s->ier;
}

static void ier_write(struct serial *s, uint8_t value)
{
	if ((value & IER_THRI) && !(s->ier & IER_THRI))
		s->thr_pending = true;
	s->ier = value & IER_BITS;
}

static uint8_t iir_read(struct serial *s)
{
	uint8_t source = iir_source(s);

	if (source == IIR_THRI)
		s->thr_pending = false;
	return source | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static void fcr_write(struct serial *s, uint8_t value)
{
	/* Switching the FIFOs on or off empties them (PC16550D 8.5). */
	if (((value ^ s->fcr) & FCR_ENABLE) ||
	    ((value & FCR_ENABLE) && (value & FCR_CLEAR_RX)))
		fifo_clear(s);
	if ((value & FCR_ENABLE) && (value & FCR_CLEAR_TX))
		s->thr_pending = true;
	s->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
	fifo_refill(s);
}

static uint8_t lcr_read(struct serial *s)
{
	return s->lcr;
}

static void lcr_write(struct serial *s, uint8_t value)
{
	s->lcr = value;
}

static uint8_t mcr_read(struct serial *s)
{
	return s->mcr;
}

static void mcr_write(struct serial *s, uint8_t value)
{
	s->mcr = value & MCR_BITS;
	update_modem(s);
	fifo_refill(s);
}

static uint8_t lsr_read(struct serial *s)
{
	uint8_t value = LSR_IDLE | (s->fifo_len ? LSR_DR : 0) | s->lsr_errors;

	s->lsr_errors = 0;
	return value;
}

static uint8_t msr_read(struct serial *s)
{
	uint8_t value = s->msr;

	s->msr &= MSR_LINES;
	return value;
}

static uint8_t scr_read(struct serial *s)
{
	return s->scr;
}

static void scr_write(struct serial *s, uint8_t value)
{
	s->scr = value;
}

static uint8_t dll_read(struct serial *s)
{
	return s->dll;
}

static void dll_write(struct serial *s, uint8_t value)
{
	s->dll = value;
}

static uint8_t dlm_read(struct serial *s)
{
	return s->dlm;
}

static void dlm_write(struct serial *s, uint8_t value)
{
	s->dlm = value;
}

static void ignore_write(struct serial *s, uint8_t value)
{
}

#define REGISTERS 8

struct serial_register {
	uint8_t (*read)(struct serial *s);
	void (*write)(struct serial *s, uint8_t value);
};

/* clang-format off */
static const struct serial_register registers[2][REGISTERS] = {
	{ /* DLAB 0 */
		{ rbr_read, thr_write }, { ier_read, ier_write },
		{ iir_read, fcr_write }, { lcr_read, lcr_write },
		{ mcr_read, mcr_write }, { lsr_read, ignore_write },
		{ msr_read, ignore_write }, { scr_read, scr_write },
	},
	{ /* DLAB 1 */
		{ dll_read, dll_write }, { dlm_read, dlm_write },
		{ iir_read, fcr_write }, { lcr_read, lcr_write },
		{ mcr_read, mcr_write }, { lsr_read, ignore_write },
		{ msr_read, ignore_write }, { scr_read, scr_write },
	},
};
/* clang-format on */

static const struct serial_register *reg(const struct serial *s, uint64_t offset)
{
	return &registers[!!(s->lcr & LCR_DLAB)][offset % REGISTERS];
}

static uint64_t serial_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct serial *s = container_of(dev, struct serial, dev);

	pthread_mutex_lock(&dev->lock);

	uint8_t value = reg(s, offset)->read(s);

	update_line(s);
	pthread_mutex_unlock(&dev->lock);
	return value;
}

static void serial_write(struct device *dev, uint64_t offset, unsigned size,
			 uint64_t value)
{
	struct serial *s = container_of(dev, struct serial, dev);

	pthread_mutex_lock(&dev->lock);
	reg(s, offset)->write(s, (uint8_t)value);
	update_line(s);
	pthread_mutex_unlock(&dev->lock);
}

static void serial_input_ready(void *reader)
{
	struct serial *s = reader;

	pthread_mutex_lock(&s->dev.lock);
	fifo_refill(s);
	update_line(s);
	pthread_mutex_unlock(&s->dev.lock);
}

static const struct bus_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
	.width = 1,
};

static int serial_attach(struct device *dev, struct err **e)
{
	struct bus_region r = { COM1_PORT, REGISTERS, &serial_ops, dev };

	dev->machine->console->input_ready = serial_input_ready;
	dev->machine->console->reader = container_of(dev, struct serial, dev);
	return bus_add(&dev->machine->ports, &r, e);
}

static void serial_reset(struct device *dev)
{
	struct serial *s = container_of(dev, struct serial, dev);

	s->ier = s->lcr = s->mcr = s->fcr = s->scr = 0;
	s->dll = 0x0c; /* 9600 baud, what firmware leaves behind */
	s->dlm = 0;
	s->lsr_errors = 0;
	s->msr = MSR_CTS | MSR_DSR | MSR_DCD;
	s->thr_pending = false;
	fifo_clear(s);
	fifo_refill(s);
	update_line(s);
}

static int serial_loaded(struct device *dev, struct err **e)
{
	struct serial *s = container_of(dev, struct serial, dev);

	if (s->fifo_at >= FIFO_SIZE || s->fifo_len > FIFO_SIZE)
		return err_set(e, ERR_INVALID_PARAMS, "a FIFO of %u bytes at %u",
			       s->fifo_len, s->fifo_at);
	if ((s->ier & ~IER_BITS) || (s->mcr & ~MCR_BITS) || (s->fcr & ~FCR_KEPT) ||
	    (s->lsr_errors & ~LSR_OE))
		return err_set(e, ERR_INVALID_PARAMS, "reserved bits are set");
	s->line = iir_source(s) != IIR_NONE;
	irq_line(dev->machine, IRQ_GSI_COM1, s->line);
	return 0;
}

static void serial_destroy(struct device *dev)
{
	dev->machine->console->input_ready = NULL;
}

static const struct state_field serial_fields[] = {
	STATE_FIELD(1, STATE_U8, struct serial, ier),
	STATE_FIELD(2, STATE_U8, struct serial, lcr),
	STATE_FIELD(3, STATE_U8, struct serial, mcr),
	STATE_FIELD(4, STATE_U8, struct serial, fcr),
	STATE_FIELD(5, STATE_U8, struct serial, scr),
	STATE_FIELD(6, STATE_U8, struct serial, dll),
	STATE_FIELD(7, STATE_U8, struct serial, dlm),
	STATE_FIELD(8, STATE_U8, struct serial, lsr_errors),
	STATE_FIELD(9, STATE_U8, struct serial, msr),
	STATE_FIELD(10, STATE_BOOL, struct serial, thr_pending),
	STATE_FIELD(11, STATE_BYTES, struct serial, fifo),
	STATE_FIELD(12, STATE_U8, struct serial, fifo_at),
	STATE_FIELD(13, STATE_U8, struct serial, fifo_len),
};

const struct device_type device_serial16550 = {
	.name = "serial16550",
	.state = { serial_fields, COUNT(serial_fields), 1 },
	.size = sizeof(struct serial),
	.attach = serial_attach,
	.reset = serial_reset,
	.loaded = serial_loaded,
	.destroy = serial_destroy,
};
