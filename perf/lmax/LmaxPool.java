// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A WorkerPool of LMAX's Disruptor: each event goes to one of several workers. Asked and answering
// as Lmax.java is; shape is "1pNw".

import com.lmax.disruptor.IgnoreExceptionHandler;
import com.lmax.disruptor.LifecycleAware;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.WorkHandler;
import com.lmax.disruptor.WorkerPool;
import com.lmax.disruptor.dsl.ProducerType;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;

public final class LmaxPool implements Measured {
  static final class Worker implements WorkHandler<Lmax.Event>, LifecycleAware {
    final Sequence handled = new Sequence(0); // on a line of its own
    long sum;
    long least;
    boolean right;
    CountDownLatch started;
    CountDownLatch ended;

    void begin(CountDownLatch nowStarted, CountDownLatch nowEnded) {
      handled.set(0);
      sum = 0;
      least = 0;
      right = true;
      started = nowStarted;
      ended = nowEnded;
    }

    @Override
    public void onEvent(Lmax.Event event) {
      right &= event.value >= least;
      least = event.value + 1;
      sum += event.value;
      handled.set(handled.get() + 1);
    }

    @Override
    public void onStart() {
      started.countDown();
    }

    @Override
    public void onShutdown() {
      ended.countDown();
    }
  }

  private final boolean wrong;
  private final RingBuffer<Lmax.Event> ring;
  private final Worker[] workers;
  private final WorkerPool<Lmax.Event> pool;
  private final ExecutorService threads = Lmax.daemons();

  LmaxPool(String shape, String waiting, boolean wrong) {
    this.wrong = wrong;
    ring =
        RingBuffer.create(ProducerType.SINGLE, Lmax.Event::new, Lmax.SLOTS, Lmax.wait(waiting));
    workers = new Worker[Integer.parseInt(shape.substring(2, shape.length() - 1))];
    for (int i = 0; i < workers.length; ++i) workers[i] = new Worker();
    pool = new WorkerPool<>(ring, ring.newBarrier(), new IgnoreExceptionHandler(), workers);
    ring.addGatingSequences(pool.getWorkerSequences());
  }

  private long handled() {
    long all = 0;
    for (Worker each : workers) all += each.handled.get();
    return all;
  }

  @Override
  public String run(long items) throws Exception {
    final CountDownLatch started = new CountDownLatch(workers.length);
    final CountDownLatch ended = new CountDownLatch(workers.length);
    for (Worker each : workers) each.begin(started, ended);
    pool.start(threads);
    started.await();
    final long began = System.nanoTime();
    for (long i = 0; i < items; ++i) {
      final long sequence = ring.next();
      ring.get(sequence).value = wrong && i + 1 == items ? 0 : i;
      ring.publish(sequence);
    }
    while (handled() != items) Thread.yield();
    final long took = System.nanoTime() - began;
    pool.halt();
    ended.await();
    long sum = 0;
    boolean right = true;
    for (Worker each : workers) {
      sum += each.sum;
      right &= each.right;
    }
    final boolean all = sum == items * (items - 1) / 2;
    return took + " " + items + " " + (right && all ? "right" : "an event out of order, or lost");
  }
}
