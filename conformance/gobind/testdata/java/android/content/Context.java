package android.content;

/** Stands for Android's, which go.Seq names in one signature. */
public class Context {}
