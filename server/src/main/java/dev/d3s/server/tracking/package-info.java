/** Trackers that jobs' metrics go to: event files of TensorBoard, and MLflow. */
@NullMarked
package dev.d3s.server.tracking;

import org.jspecify.annotations.NullMarked;
