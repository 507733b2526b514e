/** Reports to a webhook: stored with what they tell of, and sent until somebody accepts them. */
@NullMarked
package dev.d3s.server.webhook;

import org.jspecify.annotations.NullMarked;
