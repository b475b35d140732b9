// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// An indexed Chronicle of OpenHFT's as a source of numbers: an excerpt of 8 bytes for each, whose
// index is the number. Started with a directory and "mapped" or "synced", it says "ready NEXT", and
// answers each line "take COUNT" by "FIRST LAST", or by what was wrong. "anew" begins another one
// at 0 and lets go of the old one's files.

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import net.openhft.chronicle.Chronicle;
import net.openhft.chronicle.ChronicleQueueBuilder;
import net.openhft.chronicle.ExcerptAppender;

public final class Chronicles {
  private final File directory;
  private final boolean synced;
  private Chronicle chronicle;
  private ExcerptAppender out;

  private Chronicles(String directory, boolean synced) throws IOException {
    this.directory = new File(directory);
    this.synced = synced;
    open();
  }

  private void open() throws IOException {
    chronicle =
        ChronicleQueueBuilder.indexed(new File(directory, "numbers")).synchronous(synced).build();
    out = chronicle.createAppender();
  }

  private void anew() throws IOException {
    out.close();
    chronicle.close();
    final File[] files = directory.listFiles();
    if (files == null) throw new IOException(directory + " cannot be listed");
    for (File each : files) {
      if (!each.delete()) throw new IOException(each + " cannot be deleted");
    }
    open();
  }

  private long next() {
    return chronicle.lastWrittenIndex() + 1;
  }

  private String take(long count) {
    final long first = next();
    long expected = first;
    for (long i = 0; i < count; ++i, ++expected) {
      out.startExcerpt(8);
      out.writeLong(expected);
      out.finish();
      final long number = out.lastWrittenIndex();
      if (number != expected) return "an excerpt got index " + number + " after " + (expected - 1);
    }
    return first + " " + (expected - 1);
  }

  public static void main(String[] arguments) throws IOException {
    final Chronicles numbers = new Chronicles(arguments[0], arguments[1].equals("synced"));
    System.out.println("ready " + numbers.next());
    final BufferedReader asked = new BufferedReader(new InputStreamReader(System.in));
    for (String line = asked.readLine(); line != null; line = asked.readLine()) {
      if (line.startsWith("take ")) {
        System.out.println(numbers.take(Long.parseLong(line.substring(5))));
      } else if (line.equals("anew")) {
        numbers.anew();
        System.out.println("ready " + numbers.next());
      } else {
        System.out.println("not understood: " + line);
      }
    }
    System.exit(0);
  }
}
