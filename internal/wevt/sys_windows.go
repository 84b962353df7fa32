package wevt

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// library has the functions of wevtapi.dll.
type library struct {
	subscribe, next, render, createBookmark, updateBookmark, openMetadata, formatMessage, closeHandle *windows.LazyProc
}

func newLibrary() *library {
	dll := windows.NewLazySystemDLL("wevtapi.dll")
	return &library{
		subscribe: dll.NewProc("EvtSubscribe"), next: dll.NewProc("EvtNext"), render: dll.NewProc("EvtRender"),
		createBookmark: dll.NewProc("EvtCreateBookmark"), updateBookmark: dll.NewProc("EvtUpdateBookmark"),
		openMetadata: dll.NewProc("EvtOpenPublisherMetadata"), formatMessage: dll.NewProc("EvtFormatMessage"), closeHandle: dll.NewProc("EvtClose"),
	}
}

// Numbers of winevt.h.
const (
	subscribeToFuture      = 1
	subscribeFromOldest    = 2
	subscribeAfterBookmark = 3

	renderEventXML = 1
	renderBookmark = 2

	formatEvent = 1
)

// maxRendered bounds what is rendered, in bytes. An event has at most 64 KiB, which are more as XML.
const maxRendered = 1 << 20

// maxPublishers bounds the publishers whose metadata is kept open.
const maxPublishers = 256

type reader struct {
	library      *library
	signal       windows.Handle // set by Windows when there are events
	subscription uintptr
	bookmark     uintptr
	moved        bool // the bookmark is at an event
	publishers   map[string]uintptr
	buf          []uint16
}

// Open subscribes to the events of a channel ("System") that match an XPath expression ("*"). The bookmark is that of an earlier Reader, or "".
// If the event of the bookmark is not in the log any more, reading goes on with the next one.
func Open(channel, xpath string, start Start, bookmark string) (Reader, error) {
	l := newLibrary()
	for _, p := range []*windows.LazyProc{l.subscribe, l.next, l.render, l.createBookmark, l.updateBookmark, l.openMetadata, l.formatMessage, l.closeHandle} {
		if err := p.Find(); err != nil {
			return nil, err // otherwise Call would panic
		}
	}
	r := &reader{library: l, publishers: map[string]uintptr{}, buf: make([]uint16, 4096)}
	if err := r.open(channel, xpath, start, bookmark); err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("subscribe to the channel %q of the event log: %w", channel, err)
	}
	return r, nil
}

func (r *reader) open(channel, xpath string, start Start, bookmark string) error {
	var err error
	if r.signal, err = windows.CreateEvent(nil, 1, 1, nil); err != nil {
		return err
	}
	path, err := windows.UTF16PtrFromString(channel)
	if err != nil {
		return err
	}
	query, err := windows.UTF16PtrFromString(xpath)
	if err != nil {
		return err
	}
	var position *uint16
	flags := uintptr(subscribeToFuture)
	if start == FromOldest {
		flags = subscribeFromOldest
	}
	if bookmark != "" {
		if position, err = windows.UTF16PtrFromString(bookmark); err != nil {
			return err
		}
		flags = subscribeAfterBookmark
	}
	if r.bookmark, _, err = r.library.createBookmark.Call(uintptr(unsafe.Pointer(position))); r.bookmark == 0 {
		return err
	}
	after := uintptr(0)
	if bookmark != "" {
		after, r.moved = r.bookmark, true
	}
	r.subscription, _, err = r.library.subscribe.Call(0, uintptr(r.signal), uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(query)), after, 0, 0, flags)
	if r.subscription == 0 {
		return err
	}
	return nil
}

// Next implements Reader.
func (r *reader) Next(most int, wait time.Duration) ([]Event, error) {
	if events, err := r.take(most); err != nil || len(events) > 0 {
		return events, err
	}
	// The signal is reset before the log is asked again, so that no event is missed: learn.microsoft.com, "Subscribing to Events".
	if err := windows.ResetEvent(r.signal); err != nil {
		return nil, err
	}
	if events, err := r.take(most); err != nil || len(events) > 0 {
		return events, err
	}
	if _, err := windows.WaitForSingleObject(r.signal, uint32(wait.Milliseconds())); err != nil {
		return nil, err
	}
	return r.take(most)
}

// take returns the events that are there.
func (r *reader) take(most int) ([]Event, error) {
	handles := make([]uintptr, most)
	var count uint32
	ok, _, err := r.library.next.Call(r.subscription, uintptr(most), uintptr(unsafe.Pointer(&handles[0])), 0, 0, uintptr(unsafe.Pointer(&count)))
	switch {
	case ok != 0:
		return r.renderAll(handles[:count])
	case errors.Is(err, windows.ERROR_NO_MORE_ITEMS), errors.Is(err, windows.ERROR_TIMEOUT), errors.Is(err, windows.ERROR_INVALID_OPERATION):
		return nil, nil // the last one is what some versions say at the end of the log
	}
	return nil, fmt.Errorf("read the event log: %w", err)
}

// renderAll renders events and moves the bookmark to the last one. It closes the handles.
func (r *reader) renderAll(handles []uintptr) (events []Event, err error) {
	defer func() {
		for _, h := range handles {
			r.close(h)
		}
	}()
	for _, h := range handles {
		e := Event{}
		if e.XML, err = r.renderText(h, renderEventXML); err != nil {
			e.XML = "" // an event that cannot be rendered must not stop the others for good
		}
		e.Message = r.formatEvent(h, e.XML)
		events = append(events, e)
	}
	if len(handles) > 0 {
		if ok, _, err := r.library.updateBookmark.Call(r.bookmark, handles[len(handles)-1]); ok == 0 {
			return events, fmt.Errorf("move the bookmark in the event log: %w", err)
		}
		r.moved = true
	}
	return events, nil
}

// renderText renders an event or a bookmark as XML.
func (r *reader) renderText(handle, what uintptr) (string, error) {
	for {
		var used, properties uint32
		ok, _, err := r.library.render.Call(0, handle, what, uintptr(2*len(r.buf)), uintptr(unsafe.Pointer(&r.buf[0])), uintptr(unsafe.Pointer(&used)), uintptr(unsafe.Pointer(&properties)))
		if ok != 0 {
			return windows.UTF16ToString(r.buf[:min(int(used)/2, len(r.buf))]), nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || used > maxRendered || int(used) <= 2*len(r.buf) {
			return "", fmt.Errorf("render an event: %w", err)
		}
		r.buf = make([]uint16, used/2+1)
	}
}

// formatEvent returns the text of an event in the host's language, or "".
func (r *reader) formatEvent(event uintptr, xml string) string {
	metadata := r.metadata(providerName(xml))
	if metadata == 0 {
		return ""
	}
	for {
		var used uint32
		ok, _, err := r.library.formatMessage.Call(metadata, event, 0, 0, 0, formatEvent, uintptr(len(r.buf)), uintptr(unsafe.Pointer(&r.buf[0])), uintptr(unsafe.Pointer(&used)))
		if ok != 0 {
			return windows.UTF16ToString(r.buf[:min(int(used), len(r.buf))])
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || used > maxRendered/2 || int(used) <= len(r.buf) {
			return ""
		}
		r.buf = make([]uint16, used)
	}
}

// metadata returns what a publisher says about its events, or 0.
func (r *reader) metadata(publisher string) uintptr {
	if publisher == "" {
		return 0
	}
	if h, ok := r.publishers[publisher]; ok {
		return h
	}
	name, err := windows.UTF16PtrFromString(publisher)
	if err != nil {
		return 0
	}
	if len(r.publishers) >= maxPublishers {
		r.closePublishers()
	}
	h, _, _ := r.library.openMetadata.Call(0, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	r.publishers[publisher] = h // 0, too: it is not asked for again
	return h
}

func (r *reader) closePublishers() {
	for _, h := range r.publishers {
		r.close(h)
	}
	clear(r.publishers)
}

// Bookmark implements Reader.
func (r *reader) Bookmark() (string, error) {
	if !r.moved {
		return "", nil
	}
	return r.renderText(r.bookmark, renderBookmark)
}

func (r *reader) close(handle uintptr) {
	if handle != 0 {
		_, _, _ = r.library.closeHandle.Call(handle)
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.closePublishers()
	r.close(r.subscription)
	r.close(r.bookmark)
	if r.signal == 0 {
		return nil
	}
	return windows.CloseHandle(r.signal)
}
