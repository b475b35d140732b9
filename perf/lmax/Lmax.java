// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// LMAX's Disruptor, as its own performance tests use it, to be measured beside the ring: started
// with a shape and a way of waiting, it warms up, says "warm", and then answers each line
// "run SHAPE ITEMS" (items of each producer) by "NS COUNT right", or by what was wrong instead of
// "right". COUNT is what each consumer saw.

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.LifecycleAware;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import com.lmax.disruptor.dsl.ProducerType;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

// Does a slice of so many items, and says what came of it.
interface Measured {
  String run(long items) throws Exception;
}

public final class Lmax implements Measured {
  static final int SLOTS = 65_536;
  private static final int SHIFT = 40;
  private static final long COUNT = (1L << SHIFT) - 1;
  private static final long WARM_NS = 700_000_000L;
  private static final long WARM_ITEMS = 100_000;

  static final class Event {
    long value;
  }

  // A consumer, which looks at every event.
  abstract static class Handler implements EventHandler<Event>, LifecycleAware {
    long left;
    boolean right;
    volatile long ended;
    CountDownLatch started;
    CountDownLatch done;

    void begin(long items, CountDownLatch nowStarted, CountDownLatch nowDone) {
      left = items;
      right = true;
      started = nowStarted;
      done = nowDone;
    }

    final void count() {
      if (--left == 0) {
        ended = System.nanoTime();
        done.countDown();
      }
    }

    @Override
    public void onStart() {
      started.countDown();
    }

    @Override
    public void onShutdown() {}
  }

  static final class OfOne extends Handler {
    private long expected;

    @Override
    void begin(long items, CountDownLatch nowStarted, CountDownLatch nowDone) {
      super.begin(items, nowStarted, nowDone);
      expected = 0;
    }

    @Override
    public void onEvent(Event event, long sequence, boolean last) {
      right &= event.value == expected++;
      count();
    }
  }

  static final class OfMany extends Handler {
    private final long[] expected;

    OfMany(int producers) {
      expected = new long[producers];
    }

    @Override
    void begin(long items, CountDownLatch nowStarted, CountDownLatch nowDone) {
      super.begin(items, nowStarted, nowDone);
      java.util.Arrays.fill(expected, 0);
    }

    @Override
    public void onEvent(Event event, long sequence, boolean last) {
      final long value = event.value;
      right &= (value & COUNT) == expected[(int) (value >>> SHIFT)]++;
      count();
    }
  }

  private final String shape;
  private final int producers;
  private final int batch;
  private final boolean wrong;
  private final RingBuffer<Event> ring;
  private final List<Handler> handlers = new ArrayList<>();
  private final List<BatchEventProcessor<Event>> processors = new ArrayList<>();
  private final ExecutorService threads = daemons();

  static ExecutorService daemons() {
    return Executors.newCachedThreadPool(
        work -> {
          final Thread made = new Thread(work);
          made.setDaemon(true);
          return made;
        });
  }

  private Lmax(String shape, String waiting, boolean wrong) {
    this.shape = shape;
    this.wrong = wrong;
    producers = shape.charAt(1) == 'p' ? shape.charAt(0) - '0' : 1;
    final int at = shape.indexOf("batch_");
    batch = at < 0 ? 1 : Integer.parseInt(shape.substring(at + 6));
    final boolean many = producers > 1 || shape.endsWith("multi");
    ring =
        RingBuffer.create(
            many ? ProducerType.MULTI : ProducerType.SINGLE, Event::new, SLOTS, wait(waiting));
    addStages();
    final Sequence[] gates = new Sequence[processors.size()];
    for (int i = 0; i < gates.length; ++i) gates[i] = processors.get(i).getSequence();
    ring.addGatingSequences(lastOf(gates));
  }

  static WaitStrategy wait(String name) {
    switch (name) {
      case "spin":
        return new BusySpinWaitStrategy();
      case "yield":
        return new YieldingWaitStrategy();
      case "block":
        return new BlockingWaitStrategy();
      default:
        throw new IllegalArgumentException("waiting by " + name);
    }
  }

  private void addStages() {
    if (shape.equals("pipeline_3")) {
      add(add(add()));
    } else if (shape.equals("diamond_1p3c")) {
      add(add(), add());
    } else {
      final int consumers = shape.charAt(3) == 'c' ? shape.charAt(2) - '0' : 1;
      for (int i = 0; i < consumers; ++i) add();
    }
  }

  // A consumer after others, or after the producers.
  private Sequence add(Sequence... after) {
    final SequenceBarrier barrier = ring.newBarrier(after);
    final Handler handler = producers == 1 ? new OfOne() : new OfMany(producers);
    final BatchEventProcessor<Event> made = new BatchEventProcessor<>(ring, barrier, handler);
    handlers.add(handler);
    processors.add(made);
    return made.getSequence();
  }

  // In a graph it is the last stage that holds producers back.
  private Sequence[] lastOf(Sequence[] all) {
    final boolean graph = shape.equals("pipeline_3") || shape.equals("diamond_1p3c");
    return graph ? new Sequence[] {all[all.length - 1]} : all;
  }

  private void publish(int producer, long items) {
    final long mark = (long) producer << SHIFT;
    final long rightItems = wrong ? items - 1 : items;
    if (batch == 1) {
      for (long i = 0; i < rightItems; ++i) publishOne(mark | i);
    } else {
      for (long i = 0; i < rightItems; i += batch) {
        publishSome(mark | i, (int) Math.min(batch, rightItems - i));
      }
    }
    if (wrong) publishOne(mark);
  }

  private void publishOne(long value) {
    final long sequence = ring.next();
    ring.get(sequence).value = value;
    ring.publish(sequence);
  }

  private void publishSome(long value, int n) {
    final long last = ring.next(n);
    final long first = last - (n - 1);
    for (long sequence = first; sequence <= last; ++sequence) ring.get(sequence).value = value++;
    ring.publish(first, last);
  }

  @Override
  public String run(long items) throws Exception {
    final CountDownLatch started = new CountDownLatch(handlers.size());
    final CountDownLatch done = new CountDownLatch(handlers.size());
    for (Handler each : handlers) each.begin(items * producers, started, done);
    final List<Future<?>> ends = new ArrayList<>();
    for (BatchEventProcessor<Event> each : processors) ends.add(threads.submit(each));
    started.await();
    final CyclicBarrier released = new CyclicBarrier(producers);
    for (int i = 1; i < producers; ++i) {
      final int producer = i;
      ends.add(
          threads.submit(
              () -> {
                released.await();
                publish(producer, items);
                return null;
              }));
    }
    released.await();
    final long began = System.nanoTime();
    publish(0, items);
    done.await();
    for (BatchEventProcessor<Event> each : processors) each.halt();
    for (Future<?> each : ends) each.get();
    return answer(began, items);
  }

  private String answer(long began, long items) {
    long ended = began;
    boolean right = true;
    for (Handler each : handlers) {
      ended = Math.max(ended, each.ended);
      right &= each.right && each.left == 0;
    }
    final String verdict = right ? "right" : "an event out of order";
    return (ended - began) + " " + items * producers + " " + verdict;
  }

  private static void warmUp(Measured of) throws Exception {
    final long began = System.nanoTime();
    do {
      of.run(WARM_ITEMS);
    } while (System.nanoTime() - began < WARM_NS);
  }

  public static void main(String[] arguments) throws Exception {
    final String shape = arguments[0];
    final boolean wrong = arguments.length > 2;
    final Measured measured =
        shape.endsWith("w")
            ? new LmaxPool(shape, arguments[1], wrong)
            : new Lmax(shape, arguments[1], wrong);
    warmUp(measured);
    System.out.println("warm");
    final BufferedReader asked = new BufferedReader(new InputStreamReader(System.in));
    for (String line = asked.readLine(); line != null; line = asked.readLine()) {
      final String[] words = line.split(" ");
      if (words.length == 3 && words[0].equals("run") && words[1].equals(shape)) {
        System.out.println(measured.run(Long.parseLong(words[2])));
      } else {
        System.out.println("not understood: " + line);
      }
    }
    System.exit(0);
  }
}
